/** Where each Trex resource notes on the machine which folder it means, by its tag. */
export const TREX_NOTES = "/var/lib/nfvlab/trex/at";
/** Where TRex's Python client is in its folder. */
export const TREX_CLIENT = "automation/trex_control_plane/interactive";
