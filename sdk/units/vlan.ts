/** A VLAN tag as ip-link(8) takes it, in its full form: `100 qos 3 proto 802.1Q`. */
export function vlanText(id: number, qos = 0, protocol = "802.1Q"): string {
  return `${id} qos ${qos} proto ${protocol}`;
}
