const LIGHT =
  "--ink:#1b1f24;--soft:#57606a;--paper:#fff;--raised:#f6f8fa;--line:#d0d7de;--edge:#8c959f;--house:#e4e8ec;--pmd:#ffd780;--vcpu:#bfdcf7;--bad:#b3261e;--good:#1a7f37;--accent:#1f5fa8;--bar:#5b93cc;--s1:#b45309;--s2:#0f766e;--s3:#a21caf;--s4:#57606a;--s5:#7c6a0a";
const DARK =
  "--ink:#e6e9ed;--soft:#9aa5b1;--paper:#14171a;--raised:#1c2126;--line:#363d45;--edge:#7d8894;--house:#323941;--pmd:#7a5410;--vcpu:#1f4a75;--bad:#ff8a80;--good:#57c173;--accent:#7fb2e5;--bar:#4f86bd;--s1:#f0a35e;--s2:#4cc9b0;--s3:#e48ae4;--s4:#9aa5b1;--s5:#d4c04a";

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
.contested .cell{stroke:var(--bad);stroke-width:3;stroke-dasharray:6 3}`;

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
html{scroll-padding-top:12px}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:852px;margin:0 auto;padding:36px 24px 64px}
h1{font-size:28px;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:20px;margin:44px 0 16px;border-bottom:1px solid var(--line);padding-bottom:4px}
h3{font-size:17px;margin:32px 0 2px;overflow-wrap:anywhere}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:2px}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:18px 0 0;padding:0;font-size:14px}
.standing{font-size:17px;font-weight:600;margin:6px 0 0}.good{color:var(--good)}.bad{color:var(--bad)}
.note,.functional,.reason{text-wrap:pretty}
.note{color:var(--soft);font-size:13px;font-weight:400;margin:2px 0 8px;overflow-wrap:anywhere}
.reason{color:var(--bad);margin:4px 0;overflow-wrap:anywhere}
.list{font-size:13.5px;margin:8px 0 2px}.changed{font-size:13px;margin:0 0 10px;padding-left:20px;overflow-wrap:anywhere}
.functional{border-left:4px solid var(--pmd);padding:8px 14px;margin:18px 0 0;background:var(--raised)}
.mark{font-size:12px;font-weight:600;border:1px solid currentColor;border-radius:9px;padding:0 7px;color:var(--soft);white-space:nowrap}.mark.invalid{color:var(--bad)}
code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}
.command span{display:inline-block;max-width:100%}
svg{display:block;width:100%;height:auto}
.scroll{overflow-x:auto;scrollbar-width:thin}
${MACHINE}
.topology,.path,.timeline{min-width:680px}
.guest rect{fill:var(--vcpu);stroke:var(--edge)}.bridge rect{fill:none;stroke:var(--ink);stroke-width:2}.port rect{fill:var(--pmd);stroke:var(--edge)}
.down rect{fill:var(--paper);stroke:var(--bad);stroke-width:2;stroke-dasharray:5 4}.down .strong,.guest.down .end{fill:var(--bad);font-weight:600}
.link{fill:none;stroke:var(--ink);stroke-width:2}.link.down{stroke:var(--bad);stroke-dasharray:5 4}.plug{fill:var(--ink)}
.path{margin:6px 0 22px}.path text{text-anchor:middle}.path .head{fill:var(--soft)}.column{fill:var(--raised)}.layer rect{fill:var(--paper);stroke:var(--edge)}.station rect{fill:var(--vcpu)}.station text{font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(330px,100%),1fr));gap:14px 20px;margin:12px 0 4px}.chart{max-width:440px;min-width:0}
figure{margin:0}figure.wide{margin:14px 0}figcaption{font-size:13px;font-weight:600;margin:0 0 2px;text-wrap:pretty;overflow-wrap:anywhere}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:0 16px;margin:2px 0 0;padding:0;font-size:13px}.legend li{overflow-wrap:anywhere}.key{display:inline-block;width:26px;height:12px;vertical-align:-1px}
.grid{stroke:var(--line)}svg .tick{font-size:12px;text-anchor:middle;fill:var(--soft)}svg .tick.end{text-anchor:end}svg .start{text-anchor:start;paint-order:stroke;stroke:var(--paper);stroke-width:4px}svg .middle{text-anchor:middle}svg .ink{fill:var(--ink)}
.s0{--series:var(--accent)}.s1{--series:var(--s1);stroke-dasharray:7 3}.s2{--series:var(--s2);stroke-dasharray:2 3}.s3{--series:var(--s3);stroke-dasharray:9 3 2 3}.s4{--series:var(--s4);stroke-dasharray:4 2}.s5{--series:var(--s5);stroke-dasharray:1 2}
.line{fill:none;stroke:var(--series);stroke-width:2.5;stroke-linejoin:round}.dot{fill:var(--series);stroke-dasharray:none}.dot.lossy{fill:var(--bad)}.ring{fill:var(--paper);stroke:var(--series);stroke-width:2;stroke-dasharray:none}.bar{fill:var(--bar)}
.beyond{fill:none;stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 3}.unknown{fill:var(--bad);fill-opacity:.07;stroke:var(--bad);stroke-width:1;stroke-dasharray:4 3}.mark-line{stroke:var(--ink);stroke-dasharray:2 3}
.phase{stroke:var(--paper);stroke-width:1}.phase.setup{fill:var(--edge)}.phase.pass{fill:var(--vcpu)}.phase.stopped{fill:var(--bad);stroke:none}.phase.post-copy{fill:var(--pmd)}.phase.cancelling{fill:var(--house)}.range{stroke:var(--edge);stroke-width:2}
.strip{width:150px;min-width:150px;display:inline-block;vertical-align:-4px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;font-size:14px;padding:18px 0 2px}
th,td{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);font-size:13.5px;vertical-align:top}
thead th{color:var(--soft);font-weight:400}
.figures td,.figures thead th{text-align:right;white-space:nowrap;padding:5px 0 5px 14px}.figures th:first-child,.figures td:first-child{text-align:left;padding-left:0;overflow-wrap:break-word}.figures th{min-width:130px}.figures thead th{min-width:0}.figures th .note{display:block;margin:0}
.figures td.words,.published thead th:nth-child(2),.changes thead th:last-child{text-align:left;white-space:normal;min-width:150px;text-wrap:pretty}.words .note{display:block;margin:0}
.better strong{color:var(--good)}.worse strong{color:var(--bad)}
.verdicts th{white-space:nowrap}.verdicts td{overflow-wrap:anywhere;min-width:150px}.verdicts td:nth-child(2){white-space:nowrap}.tuning{margin-top:1rem}.tuning td{overflow-wrap:anywhere;min-width:76px}.tuning th{overflow-wrap:break-word}.holds th{color:var(--good)}.violated th{color:var(--bad)}
.in-force{table-layout:fixed}.in-force th{width:42%;font-weight:400;overflow-wrap:break-word}.in-force td{overflow-wrap:anywhere}.in-force th,.in-force td{padding:3px 12px 3px 0;font-size:12.5px}
@media(max-width:520px){main{padding:22px 14px 48px}}
@page{margin:14mm 12mm}
@media print{:root{color-scheme:light;${LIGHT}}body{font-size:12px}main{padding:0;max-width:none}nav{display:none}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}h2,h3,caption,figcaption{break-after:avoid}svg,tr,figure{break-inside:avoid}.charts{grid-template-columns:1fr 1fr}.scroll{overflow:visible}.figures td,.figures thead th{padding-left:11px}.topology,.path,.timeline{min-width:0}}
`;
