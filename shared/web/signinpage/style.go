package signinpage

import "github.com/passportcraft/passportcraft/shared/web/frame"

// style is the style sheet of all pages, sent inside each. Its colours are the variables at the top, for light, dark and
// print; the contrast of every pair in use is tested. Colour never carries a meaning alone.
const style = frame.Palette + frame.Base + `html{-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
.in{max-width:34rem;width:100%;margin:0 auto;padding-left:1.25rem;padding-right:1.25rem}
p,ul{margin:0;padding:0}
.band .in{padding-top:1.5rem;padding-bottom:1.4rem}
.kind{font-size:.875rem;font-weight:600;color:var(--gilt)}
h1{margin:.5rem 0 0;font-size:clamp(1.75rem,1.5rem + 1.3vw,2.25rem);line-height:1.15}
main{flex:1;padding-top:1.6rem;padding-bottom:2.5rem}
.lead{font-size:1.125rem}
.soft{color:var(--soft);font-size:.9375rem}
main>p+p,main>ul+p,main>div+p{margin-top:1.1rem}
.ways{margin-top:1.4rem;display:grid;gap:.75rem}
.way{display:flex;align-items:center;gap:1rem;min-height:4.25rem;padding:.7rem 1.1rem;border:1px solid var(--soft);border-radius:.5rem;background:var(--tint);color:var(--ink);text-decoration:none;font-size:1.0625rem;font-weight:600}
.way:hover{border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
.way svg{flex:none;width:1.75rem;height:1.75rem;color:var(--accent);fill:none;stroke:var(--accent);stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}
.way span{flex:1}
.go{display:inline-block;margin-top:1.4rem;padding:.75rem 1.3rem;border:0;border-radius:.5rem;background:var(--accent);color:var(--paper);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
.go:hover{text-decoration:underline}
.go[disabled]{opacity:.6;cursor:default}
.error{margin-bottom:1.2rem;padding:.85rem 1rem;background:var(--tint);border-left:4px solid var(--warn)}
.error b{color:var(--warn)}
[hidden]{display:none}
footer .in{padding-top:1.1rem;padding-bottom:1.6rem}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#333;--line:#999;--tint:#fff;--accent:#000;--band:#fff;--onband:#000;--gilt:#000;--warn:#000}.band{background:none}}`
