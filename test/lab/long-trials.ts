/** Whether trials run too that take more minutes than a suite has. Their titles say what they are skipped for. */
export const longTrials = process.env["NFVLAB_LONG_TRIALS"] !== undefined;
