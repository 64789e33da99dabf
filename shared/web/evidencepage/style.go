package evidencepage

import "github.com/passportcraft/passportcraft/shared/web/frame"

// style is the style sheet of all pages, sent inside each. Its colours are the variables at the top, for light, dark and
// print; the contrast of every pair in use is tested. Colour never carries a meaning alone.
const style = frame.Palette + frame.Base + `html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
.in{max-width:74rem;margin:0 auto;padding-left:1.25rem;padding-right:1.25rem}
p,ul,dl,dd{margin:0;padding:0}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.875em}
.soft{color:var(--soft);font-size:.9375rem}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.band .in{padding-top:1.5rem;padding-bottom:1.4rem}
.band a{color:var(--gilt)}
.kind{font-size:.875rem;font-weight:600;color:var(--gilt)}
h1{margin:.5rem 0 0;font-size:clamp(1.75rem,1.5rem + 1.3vw,2.25rem);line-height:1.15}
h2{margin:2.2rem 0 0;font-size:1.375rem;line-height:1.25}
main{padding-top:1.5rem;padding-bottom:3rem}
.lead{font-size:1.125rem;max-width:46rem}
.lead+p{margin-top:.6rem}
.list{margin-top:1.2rem;border-top:2px solid var(--ink);max-width:46rem}
.list>li{padding:.9rem 0;border-bottom:1px solid var(--line)}
.list a{font-weight:600}
.ask{margin:1.5rem 0;max-width:30rem;display:grid;gap:.5rem}
.ask label{font-weight:600}
.ask input,.ask button{font:inherit;padding:.6rem .75rem;border:1px solid var(--soft);border-radius:.25rem;background:var(--paper);color:var(--ink)}
.ask button{justify-self:start;border-color:var(--accent);background:var(--accent);color:var(--paper);font-weight:600;cursor:pointer}
.verdict{margin-top:.2rem;padding:.85rem 1rem;background:var(--tint);border-left:4px solid var(--accent);max-width:46rem}
.verdict b{font-size:1.125rem}
.verdict.poor{border-left-color:var(--warn)}
.verdict.poor b,.poor{color:var(--warn)}
.facts{display:grid;grid-template-columns:repeat(2,1fr);gap:.2rem 1.5rem;margin-top:1.2rem;max-width:46rem}
.facts div{border-top:1px solid var(--line);padding:.5rem 0}
.facts dt{font-size:.875rem;color:var(--soft)}
.facts dd{font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;margin-top:.9rem}
table{width:100%;border-collapse:collapse;border-top:2px solid var(--ink);font-size:.9375rem}
th,td{padding:.5rem .9rem .5rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
thead th{color:var(--soft);font-weight:400;font-size:.875rem;vertical-align:bottom;white-space:nowrap}
tbody th{font-weight:400;min-width:14rem}
tbody th code{display:block;font-weight:600}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
@media(max-width:43.99rem){.stack thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}.stack tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}.stack th,.stack td{display:block;border:0;padding:.15rem 0}.stack td{display:grid;grid-template-columns:5rem minmax(0,1fr);gap:.5rem;text-align:left;white-space:normal}.stack td::before{content:attr(data-name);color:var(--soft)}}
.yes{color:var(--accent);font-weight:700}
.no{color:var(--soft)}
.c{text-align:center;padding-right:.5rem}
.notes{display:block;font-size:.8125rem;color:var(--accent);font-weight:600}
.bar{display:block;width:12.5rem;height:.7rem;min-width:7rem;max-width:100%}
.bar .r{fill:var(--accent)}
.bar .a{fill:var(--gilt);stroke:var(--soft);stroke-width:1}
.bar .u{fill:var(--warn)}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;margin-top:.7rem;font-size:.9375rem}
.key li{display:flex;gap:.5rem;align-items:center}
.key .bar{width:1.4rem;min-width:1.4rem}
footer .in{padding-top:1.2rem;padding-bottom:2.2rem}
@media(min-width:44rem){.in{padding-left:2rem;padding-right:2rem}.facts{grid-template-columns:repeat(5,1fr)}}
@media(max-width:43.99rem){.cards thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}.cards tr{display:block;padding:.7rem 0;border-bottom:1px solid var(--line)}.cards th,.cards td{display:block;padding:.1rem 0;border:0;text-align:left}.cards td::before{content:attr(data-name) " ";color:var(--soft)}.cards td.no,.cards td.off{display:none}.cards td.c{display:inline-block;margin-right:.9rem}.cards td.n{display:inline-block;margin-right:1rem}.cards .plot::before{content:none}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#333;--line:#999;--tint:#fff;--accent:#000;--band:#fff;--onband:#000;--gilt:#ccc;--warn:#000}.band{background:none}.kind{color:var(--ink)}}`
