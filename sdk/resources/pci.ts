import { driverBinding, eswitchMode, virtualFunction, virtualFunctions } from "../schema/pci.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * The virtual functions of a network card, by `sriov_numvfs`; a service of our own makes them at boot as well. Delete puts back the number found.
 *
 * @property count 1 to what the card can have (`total`); another number makes all anew
 * @property driversAutoprobe whether the kernel binds a driver to them; default: what is there
 * @property up whether the card's own interface is set up, without which libvirt gives no function to a guest; default: what is there
 * @throws HostError `sriov-missing`, `sriov-total`, `function-protected`, `function-in-use`; VerificationError `sriov-not-taken`
 * @see https://docs.kernel.org/PCI/pci-iov-howto.html
 * @example
 * const vfs = new VirtualFunctions("dut-vfs", { host, pf: "0000:5e:00.0", count: 4, driversAutoprobe: false });
 */
export class VirtualFunctions extends resourceClass(virtualFunctions) {}

/**
 * What a card's physical function says of one of its virtual functions: MAC address, VLAN, spoof check, trust, link, rates. Only what is given is set. Delete puts
 * each property back as it was found.
 *
 * @property vlan `{ id: 100, qos: 3 }`, put on and taken off by the card
 * @property maxTxRate `"100Mbit/s"`; `"0Mbit/s"` for no limit
 * @throws HostError `vf-missing`, `admin-state-refused` with the kernel's words where the driver does not have it; VerificationError `admin-state-not-taken`
 * @see ip-link(8), `vf NUM`
 * @example
 * const east = new VirtualFunction("dut-east", { host, pf: vfs.pf, vf: 0, mac: "02:00:00:00:00:10", vlan: { id: 100 } });
 */
export class VirtualFunction extends resourceClass(virtualFunction) {}

/**
 * The driver of a PCI function: `vfio-pci` for what DPDK or a guest gets. The machine puts the driver back by itself unless a new connection confirms in time
 * that it can still be reached. What management or the system's disks go through is refused, without any override.
 *
 * @property driver `"vfio-pci"`, or one of the kernel's
 * @property groupWith other functions of its IOMMU group that are bound to VFIO as well
 * @property confirmWithin 5s to 1h, default `"120s"`
 * @throws HostError `function-protected`, `function-in-use`, `group-not-viable`, `bifurcated-driver`, `iommu-missing`, `vfio-unsafe`, `binding-unconfirmed`;
 *   InputError `driver-unsafe`; VerificationError `driver-not-bound`
 * @see https://docs.kernel.org/driver-api/vfio.html
 * @example
 * const binding = new DriverBinding("dut-east-vfio", { host, address: "0000:5e:10.0", driver: "vfio-pci" }, { dependsOn: vfs });
 */
export class DriverBinding extends resourceClass(driverBinding) {}

/**
 * The mode of the switch inside a network card: `legacy`, or `switchdev` with a representor for each virtual function. Does not hold after a boot. Delete puts
 * back the mode found.
 *
 * @property mode changing it makes the card's interfaces anew
 * @throws HostError `eswitch-missing` with devlink's words where the driver has none, `function-protected`, `function-in-use`; VerificationError `eswitch-not-taken`
 * @see devlink-dev(8), https://docs.kernel.org/networking/representors.html
 * @example
 * const eswitch = new EswitchMode("dut-eswitch", { host, pf: vfs.pf, mode: "switchdev" });
 */
export class EswitchMode extends resourceClass(eswitchMode) {}
