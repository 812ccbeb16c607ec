/** A PCI function with its domain, lower case: `0000:5e:00.0`. */
export type PciAddress = `${string}:${string}:${string}.${number}`;

export const PCI_ADDRESS_PATTERN = /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;
