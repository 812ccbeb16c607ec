/** Options that came or went since 2.11, and the releases that have them. The database takes any key; only the daemon's program tells which it reads. */
export const RELEASES_OF_OPTIONS: Readonly<Record<string, string>> = {
  "pmd-auto-lb-load-threshold": "2.15 or later",
  "pmd-auto-lb-improvement-threshold": "2.15 or later",
  "pmd-rxq-isolate": "2.16 or later",
  "tx-steering": "2.17 or later",
  "shared-mempool-config": "3.0 or later",
  "pmd-maxsleep": "3.1 or later",
  "pmd-sleep-max": "3.2 or later",
  "rx-steering": "3.2 or later",
  "vhost-max-queue-pairs": "3.5 or later",
  "hw-offload-priority": "3.7 or later",
  "dpdk-probe-at-init": "4.0 or later",
  "use-need-wakeup": "3.6 or earlier",
};
