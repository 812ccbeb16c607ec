import grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginepb from "@pulumi/pulumi/proto/engine_pb.js";

export type Severity = "debug" | "info" | "warning" | "error";

/** The engine's log, the only way for a plugin to speak to the person at the terminal. */
export interface EngineLog {
  /** An ephemeral line stands beside the resource while its operation runs and is gone afterwards. */
  log(severity: Severity, message: string, urn: string, ephemeral?: boolean): void;
  close(): void;
}

export const silentLog: EngineLog = { log: () => undefined, close: () => undefined };

export function connectEngine(address: string): EngineLog {
  const client = new engineGrpc.EngineClient(address, grpc.credentials.createInsecure());
  const severities = {
    debug: enginepb.LogSeverity.DEBUG,
    info: enginepb.LogSeverity.INFO,
    warning: enginepb.LogSeverity.WARNING,
    error: enginepb.LogSeverity.ERROR,
  };
  return {
    log: (severity, message, urn, ephemeral = false) => {
      const request = new enginepb.LogRequest();
      request.setSeverity(severities[severity]);
      request.setMessage(message);
      request.setUrn(urn);
      request.setEphemeral(ephemeral);
      // A status line that does not arrive must not fail the work that it is about.
      client.log(request, () => undefined);
    },
    close: () => client.close(),
  };
}
