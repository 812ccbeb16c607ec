import grpc from "@grpc/grpc-js";
import errorspb from "@pulumi/pulumi/proto/errors_pb.js";
import providerpb from "@pulumi/pulumi/proto/provider_pb.js";
import statuspb from "@pulumi/pulumi/proto/status_pb.js";
import anypb from "google-protobuf/google/protobuf/any_pb.js";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import { InputError, LabError } from "../units/errors.ts";

/** An error as gRPC carries it: one sentence, and details that the engine understands. */
export type Failure = Pick<grpc.ServiceError, "code" | "details"> & {
  metadata?: grpc.Metadata;
  name: string;
  message: string;
};

/** The engine prints `details`; the code only sorts it. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const code =
    error instanceof InputError
      ? grpc.status.INVALID_ARGUMENT
      : error instanceof LabError
        ? grpc.status.FAILED_PRECONDITION
        : grpc.status.UNKNOWN;
  return { name: "Failure", message, code, details: message };
}

/** Something was made but is not as wanted: the engine records what is true and goes on from there at the next update. */
export function initializationFailure(
  cause: unknown,
  made: { id: string; properties: Struct; inputs: Struct },
): Failure {
  const failure = failureOf(cause);
  const detail = new providerpb.ErrorResourceInitFailed();
  detail.setId(made.id);
  detail.setProperties(made.properties);
  detail.setInputs(made.inputs);
  detail.setReasonsList([failure.details]);
  return {
    ...failure,
    metadata: withDetail(failure, "pulumirpc.ErrorResourceInitFailed", detail.serializeBinary()),
  };
}

/** Inputs that only the machine could refuse, by property. */
export function inputFailure(error: InputError): Failure {
  const detail = new errorspb.InputPropertiesError();
  const property = new errorspb.InputPropertiesError.PropertyError();
  property.setPropertyPath(error.property ?? "");
  property.setReason(error.message);
  detail.addErrors(property);
  const failure = failureOf(error);
  return {
    ...failure,
    metadata: withDetail(failure, "pulumirpc.InputPropertiesError", detail.serializeBinary()),
  };
}

/** The code inside must be that of the call: where they differ, the engine prints all of the details, secrets among them. */
function withDetail({ code, details }: Failure, type: string, bytes: Uint8Array): grpc.Metadata {
  const any = new anypb.Any();
  any.pack(bytes, type);
  const status = new statuspb.Status();
  status.setCode(code);
  status.setMessage(details);
  status.addDetails(any);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return metadata;
}
