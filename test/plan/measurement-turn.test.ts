import { expect, test } from "vitest";
import { endTurn, holderOf, takeTurn } from "../../sdk/plan/measurement-turn.ts";

const turn = { holder: "host-timers-run of stack nfvlab/dev", tag: "0a1b2c3d" };

test("a turn is a unit that ends by itself and says whose it is", () => {
  expect(takeTurn(turn, 90).argv.slice(4)).toEqual([
    "nfvlab-measurement.service",
    "host-timers-run of stack nfvlab/dev [0a1b2c3d]",
    "90",
  ]);
  expect(endTurn().argv).toEqual(["systemctl", "stop", "nfvlab-measurement.service"]);
});

test("silence means that it is ours", () => {
  expect(holderOf("")).toBeUndefined();
  expect(holderOf("\n")).toBeUndefined();
});

test("else it is said who has it, whatever their name", () => {
  expect(holderOf("host-timers-run of stack nfvlab/dev [0a1b2c3d]\n")).toEqual(turn);
  expect(holderOf("a [b] of stack c/d [ff]\n")).toEqual({ holder: "a [b] of stack c/d", tag: "ff" });
  expect(holderOf("somebody's own unit\n")).toEqual({ holder: "somebody's own unit", tag: "" });
});
