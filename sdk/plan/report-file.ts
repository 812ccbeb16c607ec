// The program runs beside its shell, which would not listen while it waits for one in front: who ends the shell, ends the program.
const REPORT = `option=$1; shift
file=$(mktemp) || exit
trap 'kill "$program" 2>/dev/null' TERM INT
"$@" "$option=$file" >/dev/null & program=$!
wait "$program"; code=$?
[ $code -ne 0 ] || cat "$file"
rm -f "$file"
exit $code`;

/**
 * argv that runs a program and prints the report which it writes to the file named by an option. The file is removed, and what the program prints is dropped.
 *
 * @param option without its value, `--json`
 */
export function reportingTo(option: string, command: readonly string[]): [string, ...string[]] {
  return ["sh", "-c", REPORT, "sh", option, ...command];
}
