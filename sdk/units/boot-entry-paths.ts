/** Where sets of boot arguments lie on machines whose loader reads entries from files; those of GRUB's own menu have a folder that grub-mkconfig reads. */
export const SETS_FOLDER = "/etc/nfvlab/boot";
/** What takes entries of ours away together with their kernel. */
export const INSTALL_SCRIPT = "/etc/kernel/install.d/95-nfvlab.install";

/** Folders that files of ours lie in, the innermost first. */
export const OUR_FOLDERS: readonly string[] = [SETS_FOLDER, "/etc/nfvlab", "/etc/kernel/install.d"];
