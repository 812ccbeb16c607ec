import type { KeptRecord, ResultRecord } from "../schema/record.ts";
import type { Operation } from "./handler.ts";
import { KeptRun, type KeptRunFacts, withoutSecrets } from "./kept-run.ts";
import { NOTHING_KEPT, type RawOutputs } from "./raw-outputs.ts";

type Keeper = Pick<
  Operation,
  "results" | "store" | "secrets" | "project" | "stack" | "signal" | "warn" | "status"
>;

/**
 * Keeps a run in the results folder, however it ends. A record that can't be kept is told all the same: measuring it again takes longer than mending a disk.
 *
 * Of an object store it is tried before the run whether it takes anything. While the run goes on, what is printed goes into a folder of this machine, so that no network disturbs it or ends it; afterwards the whole
 * folder is sent. Where that fails the folder stays, the record says so, and the next run sends it too.
 *
 * @throws HostError `results-folder` where nothing can be kept, and those of `RunStore.tryOut`: before anything is measured
 */
export async function keeping(
  { results: root, store, secrets, project, stack, signal, warn, status }: Keeper,
  { name, kind, subject }: Pick<KeptRunFacts, "name" | "kind" | "subject">,
  work: (raw: RawOutputs) => Promise<ResultRecord>,
): Promise<ResultRecord> {
  if (root === undefined) return withoutSecrets(await work(NOTHING_KEPT), secrets);
  await store?.tryOut();
  const run = new KeptRun({ ...{ root, project, stack, name, kind, subject }, secrets });
  const keep = async (finish: () => KeptRecord | undefined): Promise<KeptRecord | undefined> => {
    let kept: KeptRecord | undefined;
    try {
      kept = finish();
    } catch (error) {
      warn(`not all of ${name} could be kept in ${root}, what there is ends in .part: ${said(error)}`);
    }
    if (kept === undefined || store === undefined) return kept;
    status(`sends the run to ${store.url}`);
    try {
      return await store.take(kept, warn);
    } catch (error) {
      warn(
        `${name} could not be sent to ${store.url}: ${said(error)}. It is in ${kept.folder}, and the next run sends it too.`,
      );
      return kept;
    }
  };
  let record: ResultRecord;
  try {
    record = withoutSecrets(await work(run), secrets);
  } catch (error) {
    await keep(() => run.stop(signal.aborted ? "interrupted" : "failed", said(error)));
    throw error;
  }
  const kept = await keep(() => run.complete(record));
  return kept === undefined ? record : { ...record, kept };
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
