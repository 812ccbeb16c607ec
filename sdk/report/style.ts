const LIGHT =
  "--ink:#1b1f24;--soft:#59636e;--paper:#fff;--raised:#f6f8fa;--line:#d0d7de;--edge:#8c959f;--house:#e4e8ec;--pmd:#ffd780;--vcpu:#bfdcf7;--bad:#b3261e;--good:#1a7f37;--accent:#1f5fa8;--bar:#5b93cc";
const DARK =
  "--ink:#e6e9ed;--soft:#9aa5b1;--paper:#14171a;--raised:#1c2126;--line:#363d45;--edge:#7d8894;--house:#323941;--pmd:#7a5410;--vcpu:#1f4a75;--bad:#ff8a80;--good:#57c173;--accent:#7fb2e5;--bar:#4f86bd";

/** What drawings of machines are styled by. */
const MACHINE = `svg text{fill:var(--ink);font:13px system-ui,sans-serif}svg .title{font-weight:600;font-size:17px}svg .strong{font-weight:600;font-size:14px}svg .small{font-size:11.5px}svg .soft{fill:var(--soft)}svg .end{text-anchor:end}
.topology{margin:0 0 28px}
.topology rect{fill:var(--raised);stroke:var(--edge)}
.cpu text{text-anchor:middle}
.cpu .cell{fill:var(--raised)}.cpu .inner{fill:none}
.housekeeping .cell{fill:var(--house);stroke:none}
.isolated .cell{fill:var(--paper);stroke-dasharray:4 3;stroke-width:1.5}
.pmd .cell{fill:var(--pmd);stroke:var(--ink);stroke-width:3}
.vcpu .cell{fill:var(--vcpu);stroke:var(--ink);stroke-width:1.2}.vcpu .inner{stroke:var(--ink);stroke-width:1.2}
.contested .cell{stroke:var(--bad);stroke-width:3;stroke-dasharray:6 3}.contested .strong{fill:var(--bad)}`;

const PICTURE = `.paper{fill:var(--paper)}
${MACHINE}`;

/** The style sheet of a drawing of CPUs that stands alone. Its colours are in its rules, since what draws pictures outside of browsers knows no variables. */
export const PICTURE_STYLE = `
:root{color-scheme:light dark}
${inColours(PICTURE, LIGHT)}
@media(prefers-color-scheme:dark){
${inColours(PICTURE, DARK)}
}
`;

function inColours(rules: string, colours: string): string {
  const values = new Map(colours.split(";").map((each) => each.split(":") as [string, string]));
  return rules.replaceAll(/var\((--\w+)\)/g, (variable, name: string) => values.get(name) ?? variable);
}

/** The report's one style sheet. */
export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media(prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:852px;margin:0 auto;padding:36px 24px 64px}
h1{font-size:28px;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:20px;margin:44px 0 16px;border-bottom:1px solid var(--line);padding-bottom:4px}
h3{font-size:17px;margin:32px 0 2px;overflow-wrap:anywhere}
.standing{font-size:17px;font-weight:600;margin:6px 0 0}.good{color:var(--good)}.bad{color:var(--bad)}
.note,.functional,.reason{text-wrap:pretty}
.note{color:var(--soft);font-size:13px;font-weight:400;margin:2px 0 8px}
.reason{color:var(--bad);margin:4px 0;overflow-wrap:anywhere}
.functional{border-left:4px solid var(--pmd);padding:8px 14px;margin:18px 0 0;background:var(--raised)}
.mark{font-size:12px;font-weight:600;border:1px solid currentColor;border-radius:9px;padding:0 7px;color:var(--soft);white-space:nowrap}.mark.invalid{color:var(--bad)}
code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}
.command span{display:inline-block;max-width:100%}
svg{display:block;width:100%;height:auto}
${MACHINE}
.guest rect{fill:var(--vcpu);stroke:var(--edge)}.bridge rect{fill:none;stroke:var(--ink);stroke-width:2}.port rect{fill:var(--pmd);stroke:var(--edge)}
.down rect{fill:var(--paper);stroke:var(--bad);stroke-width:2;stroke-dasharray:5 4}.down .strong,.guest.down .end{fill:var(--bad);font-weight:600}
.link{fill:none;stroke:var(--ink);stroke-width:2}.link.down{stroke:var(--bad);stroke-dasharray:5 4}.plug{fill:var(--ink)}
.path{margin:6px 0 22px}.path text{text-anchor:middle}.path .head{fill:var(--soft)}.column{fill:var(--raised)}.layer rect{fill:var(--paper);stroke:var(--edge)}.station rect{fill:var(--vcpu)}.station text{font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:12px 20px;margin:10px 0 4px}.charts svg{max-width:520px}
.grid{stroke:var(--line)}svg .tick{font-size:12px;text-anchor:middle;fill:var(--soft)}svg .tick.end{text-anchor:end}svg .start{text-anchor:start}svg .ink{fill:var(--ink)}
.line{fill:none;stroke:var(--accent);stroke-width:2.5;stroke-linejoin:round}.dot{fill:var(--accent)}.dot.lossy{fill:var(--bad)}.bar{fill:var(--bar)}
.beyond{fill:none;stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 3}.unknown{fill:var(--bad);fill-opacity:.07;stroke:var(--bad);stroke-width:1;stroke-dasharray:4 3}.mark-line{stroke:var(--ink);stroke-dasharray:2 3}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;font-size:14px;padding:18px 0 2px}
th,td{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);font-size:13.5px;vertical-align:top}
thead th{color:var(--soft);font-weight:400}
.figures td,.figures thead th{text-align:right;white-space:nowrap;padding:5px 0 5px 14px}.figures th:first-child{text-align:left;padding-left:0;overflow-wrap:anywhere}.figures th .note{display:block;margin:0}
.verdicts th{white-space:nowrap}.verdicts td{overflow-wrap:anywhere}.verdicts td:nth-child(2){white-space:nowrap}.tuning{margin-top:1rem}.tuning td{overflow-wrap:anywhere}.holds th{color:var(--good)}.violated th{color:var(--bad)}
.in-force{table-layout:fixed}.in-force th{width:42%;font-weight:400;overflow-wrap:anywhere}.in-force td{overflow-wrap:anywhere}.in-force th,.in-force td{padding:3px 12px 3px 0;font-size:12.5px}
@media print{:root{color-scheme:light;${LIGHT}}body{font-size:12px}main{padding:0;max-width:none}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}h2,h3,caption{break-after:avoid}svg,tr,article{break-inside:avoid}.charts{grid-template-columns:1fr 1fr}}
`;
