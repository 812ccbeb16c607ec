import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { domains } from "../../sdk/observe/domains.ts";
import { parseGuestInside } from "../../sdk/observe/guest-inside.ts";
import { insideGuest, recorded, said } from "./recorded.ts";

const text = insideGuest();
const of = (changed: string) => parseGuestInside(changed);
/** Knobs that are others, after what `from` is in the text became `to`. */
function changes(from: string, to: string): string[] {
  expect(text).toContain(from);
  const [before, after] = [of(text).knobs, of(text.replace(from, to)).knobs];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (knob) => before[knob] !== after[knob],
  );
}

describe("what is in force inside a guest", () => {
  it("is what its kernel says, boot argument by boot argument", () => {
    expect(of(text)).toEqual({
      bootId: "5d0f6f2e-0c1f-4c8e-9b55-0f4a3f1d7c21",
      knobs: {
        "inside.kernel": "6.12.117+deb13-rt-amd64 #1 SMP PREEMPT_RT Debian 6.12.117-1 (2026-11-12)",
        "inside.os": "Debian GNU/Linux 13 (trixie)",
        "inside.clocksource": "kvm-clock",
        "inside.onlineCpus": "0-1",
        "inside.isolatedCpus": "1",
        "inside.nohzFullCpus": "1",
        "inside.bootArguments.BOOT_IMAGE": "/boot/vmlinuz-6.12.117+deb13-rt-amd64",
        "inside.bootArguments.root": "LABEL=guest",
        "inside.bootArguments.ro": "set",
        "inside.bootArguments.console": "ttyS0",
        "inside.bootArguments.tsc": "reliable",
        "inside.bootArguments.isolcpus": "managed_irq,domain,1",
        "inside.bootArguments.nohz_full": "1",
        "inside.bootArguments.rcu_nocbs": "1",
        "inside.bootArguments.licence": expect.stringMatching(/^sha256:[0-9a-f]{32}$/),
        "inside.bootArguments.quiet": "set",
      },
    });
  });

  it.each([
    ["osrelease:6.12.117+deb13-rt-amd64", "osrelease:6.12.118+deb13-rt-amd64", "inside.kernel"],
    ["PREEMPT_RT Debian", "PREEMPT_DYNAMIC Debian", "inside.kernel"],
    ["(trixie)", "(forky)", "inside.os"],
    ["kvm-clock", "tsc", "inside.clocksource"],
    ["cpu/online:0-1", "cpu/online:0", "inside.onlineCpus"],
    ["cpu/isolated:1", "cpu/isolated:", "inside.isolatedCpus"],
    ["cpu/nohz_full:1", "cpu/nohz_full:  (null)", "inside.nohzFullCpus"],
    ["isolcpus=managed_irq,domain,1", "isolcpus=1", "inside.bootArguments.isolcpus"],
    [" quiet", " quiet mitigations=off", "inside.bootArguments.mitigations"],
    ["licence=Qx7-2231", "licence=Qx7-2232", "inside.bootArguments.licence"],
  ])("differs by one knob: %s, then %s", (from, to, knob) => {
    expect(changes(from, to)).toEqual([knob]);
  });

  it("has no word of what may be a secret, wherever it stands on the boot line", () => {
    const secret = fc.stringMatching(/^[0-9][A-Za-z0-9]{11,19}$/);
    const place = fc.constantFrom(
      (word: string) => `licence=${word}`,
      (word: string) => `systemd.setenv=TOKEN=${word}`,
      (word: string) => `"dyn = ${word}"`,
      (word: string) => word,
      (word: string) => `-- --password ${word}`,
    );
    fc.assert(
      fc.property(secret, place, (word, at) => {
        const { knobs } = of(text.replace("licence=Qx7-2231", at(word)));
        expect(Object.entries(knobs).filter((knob) => knob.join("=").includes(word))).toEqual([]);
      }),
    );
  });

  it("leaves out what the guest does not say", () => {
    const bare = text
      .split("\n")
      .filter((line) => !/os-release|clocksource|isolated|nohz_full:|cmdline/.test(line))
      .join("\n");
    expect(Object.keys(of(bare).knobs)).toEqual(["inside.kernel", "inside.onlineCpus"]);
    expect(() => of(text.replace(/^.*boot_id.*\n/m, ""))).toThrow(/could not read the identity of the boot/);
    expect(() => of("")).toThrow(/could not read/);
  });
});

it.each([
  ["disconnected", "", ""],
  ["connected", "state='disconnected'", "state='connected'"],
  ["disconnected", " state='disconnected'", ""],
  ["absent", "'org.qemu.guest_agent.0'", "'com.example.console.0'"],
])("an agent is %s where %s became %s", (agent, from, to) => {
  const { stdout } = recorded("libvirt/11.3.0/guest-started.txt");
  expect(domains.parse(said(stdout.replace(from, to)))).toMatchObject([{ name: "vnf probe", agent }]);
});
