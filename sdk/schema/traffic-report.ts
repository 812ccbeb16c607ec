/** What a direction of traffic came to, as the program counted it. */
export interface TrafficStream {
  readonly planned: number;
  readonly sent: number;
  /** Of those, before the time of all was over; absent of what knows no time. */
  readonly sentInTime?: number;
  /** Offers of a frame that the port did not take; it was offered again. */
  readonly refused: number;
  /** From the first frame sent to the last. */
  readonly sendingNs: number;
  /** How late a frame was sent at most. */
  readonly lagMaxNs: number;
  readonly received: number;
  readonly lost: number;
  /** Frames of the longest run of lost ones. */
  readonly longestGap: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly misdelivered: number;
  readonly receivingNs: number;
  /** The longest time between two frames that came. */
  readonly silenceMaxNs: number;
  /** Frames lost in a row at the end; absent of a generator that does not number every frame. */
  readonly lostAtEnd?: number;
  /** What came round a mark that was set from outside; absent where none was. */
  readonly mark?: {
    /** The longest time between two frames that came before it. */
    readonly silenceBeforeNs: number;
    /** The same since then, and when that began after it. */
    readonly silenceNs: number;
    readonly silentFromNs: number;
  };
  readonly latency: {
    readonly samples: number;
    /** Frames received whose time of sending lies after that of receiving. */
    readonly unstamped: number;
    readonly minNs: number;
    readonly maxNs: number;
    /** Counts by the largest value of each bucket. */
    readonly buckets: readonly (readonly [ns: number, count: number])[];
  };
  /** How the latency of a frame differed from that of the one sent right before it, either way: RFC 5481's IPDV. Absent of a generator that does not number every frame. */
  readonly variation?: {
    readonly samples: number;
    /** Frames that came behind another than the one sent right before: that one was lost, or they changed places. */
    readonly unpaired: number;
    readonly minNs: number;
    readonly maxNs: number;
    readonly buckets: readonly (readonly [ns: number, count: number])[];
  };
  /** In their order; absent where the rate stayed what it was. */
  readonly steps?: readonly TrafficStep[];
}

/** What was sent at one rate, in a trial whose rate changes. */
export interface TrafficStep {
  readonly rate: number;
  readonly planned: number;
  /** Frames that a port refused until the change are not among them. */
  readonly sent: number;
  readonly refused: number;
  readonly sendingNs: number;
  readonly lagMaxNs: number;
  /** When the port last refused one, since the first frame of the step was due; absent where it never did. */
  readonly lastRefusedNs?: number;
  /** Sent, and never received. */
  readonly lost: number;
  /** When the last of those was due, likewise; absent where none was lost. */
  readonly lastLostNs?: number;
}

/** A port: frames of any kind as the program counted them, and what the port's driver says. */
export interface TrafficPortCounts {
  readonly name: string;
  readonly linkUp: boolean;
  readonly sent: number;
  readonly received: number;
  readonly foreign: number;
  readonly dropped: number;
  readonly counters: {
    readonly opackets: number;
    readonly ipackets: number;
    readonly imissed: number;
    readonly rxNombuf: number;
  };
}

/** What the traffic program prints at its end, and every other generator in its words. */
export interface TrafficReport {
  /** DPDK that it ran with, `DPDK 24.11.3`; of another generator what that is, `TRex v3.08`. */
  readonly dpdk: string;
  /** It sent as fast as the ports took frames: nothing was planned. */
  readonly unpaced?: boolean;
  /** `complete`, or what ended it: `signal` or `limit`. */
  readonly ended: string;
  readonly streams: readonly TrafficStream[];
  readonly ports: readonly TrafficPortCounts[];
}
