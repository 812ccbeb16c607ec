import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { LabComponent } from "../../components/lab-component.ts";
import { BootImage } from "../../sdk/resources/libvirt.ts";
import { named, outline, register } from "./program.ts";
import { host } from "./testbed.ts";

const here = { name: "dut", connection: { kind: "local" as const } };

class Pair extends LabComponent<{ first: BootImage; second: BootImage; label: string }> {
  declare readonly first: BootImage;
  declare readonly label: string;

  constructor(name: string, options?: pulumi.ComponentResourceOptions, own?: pulumi.CustomResourceOptions) {
    super("Pair", name, options, (scope) => {
      const first = scope.child(BootImage, "first", { host: here, name: "a" });
      const second = scope.child(BootImage, "second", { host: here, name: "b" }, own);
      return { first, second, label: name };
    });
  }
}

/** The runtime registers outputs too, later and none; so only what is registered while the component is made counts. */
class Refusing extends Pair {
  protected override registerOutputs(outputs?: pulumi.Inputs | pulumi.Output<pulumi.Inputs>): void {
    if (underWay) throw new Error(`registered: ${Object.keys(outputs ?? {})}`);
    super.registerOutputs(outputs);
  }
}
let underWay = false;

describe("a component", () => {
  it("names its children after their roles and is their parent", async () => {
    const registered = await register(() => new Pair("p"));
    expect(outline(registered)).toEqual([
      "stack > p (nfvlab:components:Pair)",
      "p > p-first (nfvlab:libvirt:BootImage)",
      "p > p-second (nfvlab:libvirt:BootImage)",
    ]);
    expect(named(registered, "p-first").inputs).toEqual({ host, name: "a" });
  });

  it("registers what it has beside its children as outputs", async () => {
    const registered = await register(() => new Pair("p"));
    expect(named(registered, "p").outputs).toEqual({ label: "p" });
  });

  it("registers its outputs while it is made, so that no subclass can forget to", async () => {
    await register(() => {
      underWay = true;
      expect(() => new Refusing("p")).toThrow("registered: label");
      underWay = false;
    });
  });

  it("has what it built as its own properties", async () => {
    await register(() => {
      const pair = new Pair("p");
      expect(pair.first).toBeInstanceOf(BootImage);
      expect([pair.name, pair.label]).toEqual(["p", "p"]);
    });
  });

  it("lets its children wait for what it waits for, beside what they wait for themselves", async () => {
    const registered = await register(() => {
      const before = new BootImage("before", { host: here, name: "c" });
      const own = new BootImage("own", { host: here, name: "d" });
      new Pair("p", { dependsOn: before }, { dependsOn: [own] });
    });
    expect(named(registered, "p-first").waitsFor).toEqual(["before"]);
    expect(named(registered, "p-second").waitsFor).toEqual(["before", "own"]);
  });

  it("lets its children wait for all children of a component, and for one that is an output", async () => {
    const registered = await register(() => {
      new Pair("p", { dependsOn: pulumi.output(new Pair("q")) });
      new Pair("r", { dependsOn: [new Pair("s")] });
    });
    expect(named(registered, "p-first").waitsFor).toEqual(["q-first", "q-second"]);
    expect(named(registered, "r-first").waitsFor).toEqual(["s-first", "s-second"]);
  });

  it("goes with the machine that it goes with, and its children with it", async () => {
    const registered = await register(() => {
      const machine = new BootImage("machine", { host: here, name: "m" });
      const pair = new Pair("p", { deletedWith: machine });
      expect(pair.lifetime()).toEqual({ deletedWith: machine });
      expect(new Pair("q").lifetime()).toEqual({});
    });
    expect(named(registered, "p-first").deletedWith).toBe("machine");
    expect(named(registered, "p-second").deletedWith).toBe("machine");
    expect(named(registered, "q-first").deletedWith).toBeUndefined();
  });
});
