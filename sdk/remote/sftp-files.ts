import type { SFTPWrapper } from "ssh2";

/** Writes all bytes to a new file, to the disk, and then gives it its name: readers see the old content or the new one. */
export async function writeBySftp(
  sftp: SFTPWrapper,
  path: string,
  temporary: string,
  content: Buffer,
  mode: number,
): Promise<void> {
  const handle = await answer<Buffer>((done) => sftp.open(temporary, "wx", { mode }, done));
  try {
    if (content.length > 0) {
      await answer((done) => sftp.write(handle, content, 0, content.length, 0, done));
    }
    await answer((done) => sftp.fchmod(handle, mode, done));
    await answer((done) => sftp.ext_openssh_fsync(handle, done));
    await answer((done) => sftp.close(handle, done));
    await answer((done) => sftp.ext_openssh_rename(temporary, path, done));
  } catch (error) {
    if (isRefusal(error)) await answer((done) => sftp.unlink(temporary, done)).catch(() => undefined);
    throw error;
  }
}

export function readBySftp(sftp: SFTPWrapper, path: string): Promise<Buffer> {
  return answer<Buffer>((done) => sftp.readFile(path, done));
}

/** The server answered, and the answer was no; other errors are the connection's. */
export function isRefusal(error: unknown): boolean {
  return typeof (error as { code?: unknown }).code === "number";
}

function answer<T = void>(
  ask: (done: (error: Error | null | undefined, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((error, value) => (error == null ? resolve(value as T) : reject(error)));
  });
}
