package passportpage

import "github.com/passportcraft/passportcraft/shared/web/frame"

// style is the style sheet of both pages, sent inside each. It names no font that must be loaded and no image; its
// colours are the variables at the top, once for light and once for dark, and the contrast of every pair in use is
// tested. Colour never carries a meaning alone.
const style = frame.Palette + frame.Base + `html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
.in{max-width:74rem;margin:0 auto;padding-left:1.25rem;padding-right:1.25rem}
p,dl,dd,ul,figure{margin:0;padding:0}
dt{color:var(--soft)}
code,.mono,.ids dd{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
code,.mono{font-size:.875rem}
.mono{word-break:break-all}
.soft,.unit{color:var(--soft)}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;z-index:1;padding:.6rem 1rem;background:var(--paper)}
.band .in{padding-top:1.5rem;padding-bottom:1.4rem}
.band dt,.kind{color:var(--gilt)}
.kind{font-size:.875rem}
.kind b{display:block;font-weight:600}
h1{margin:.5rem 0 0;font-size:clamp(1.85rem,1.45rem + 1.9vw,2.75rem);line-height:1.15}
.maker{margin-top:.35rem}
.ids{display:flex;flex-wrap:wrap;gap:.7rem 2.25rem;margin-top:1.1rem}
.ids dt{font-size:.8125rem}
.ids dd{font-size:1.0625rem;letter-spacing:.02em}
abbr{text-decoration:none}
main{padding-bottom:3rem}
h2{margin:0;font-size:1.375rem;line-height:1.25}
.facts h2,nav h2{font:600 .875rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:var(--accent)}
.facts{padding-top:1.4rem}
.facts dl{display:grid;grid-template-columns:1fr 1fr;column-gap:1.25rem;margin-top:.5rem}
.facts dl>div{padding:.6rem 0 .7rem;border-top:1px solid var(--line)}
.facts dt{font-size:.875rem;line-height:1.3}
.facts dd{margin-top:.1rem;font-size:1.1875rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.facts .long{grid-column:1/-1}
.facts .long dd{font-size:1.0625rem}
.facts .unit,.facts .soft{font-weight:400}
.facts .soft{display:block;font-size:.875rem}
.standing{margin-top:.9rem;padding:.85rem 1rem;background:var(--tint);border-left:3px solid var(--accent)}
.standing p+p{margin-top:.35rem}
.also{display:flex;flex-wrap:wrap;gap:0 .7rem}
.also a{padding:.15rem 0}
.also span{padding:.15rem 0}
nav{margin-top:1.9rem}
nav ul{display:grid;grid-template-columns:1fr 1fr;column-gap:1.25rem;margin-top:.35rem}
nav a{display:block;padding:.28rem 0;font-size:.9375rem;line-height:1.35;text-decoration:none}
nav a:hover{text-decoration:underline}
.data>section,.about{margin-top:2.4rem}
.data>section>dl,.about>dl{margin-top:.6rem;border-top:2px solid var(--ink)}
.row{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);column-gap:1.25rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
.row dd{font-variant-numeric:tabular-nums;white-space:pre-line}
.row dd>bdi:first-child,.row li>bdi:first-child{font-weight:500}
.row.wide{grid-template-columns:minmax(0,1fr)}
.row li{padding:.1rem 0 .1rem .9rem;position:relative}
.row li::before{content:"";position:absolute;left:0;top:.82em;width:.4rem;border-top:1px solid var(--soft)}
dt small{font-size:.75rem;margin-left:.3rem;vertical-align:.3em;line-height:1}
summary{cursor:pointer;color:var(--accent);padding:.35rem 0;font-size:.9375rem;width:fit-content}
.help{font-size:.9375rem;padding-bottom:.4rem}
.help dt{color:var(--ink);font-weight:600;margin-top:.5rem}
.help dd{color:var(--soft)}
.note{margin-top:1.2rem;font-size:.875rem;color:var(--soft)}
.about{overflow-wrap:anywhere}
figure{margin-top:1rem;display:flex;gap:1.1rem;align-items:flex-end;flex-wrap:wrap}
figure img{display:block;width:11rem;height:11rem;background:#fff;border:1px solid var(--line)}
figcaption{flex:1 1 9rem;font-size:.9375rem}
figcaption .soft:first-of-type{display:block;margin-top:.35rem}
figcaption a{display:inline-block;padding:.2rem .1rem}
figcaption .soft{display:inline}
.about>dl,.problem dl{font-size:.9375rem}
.about>dl{margin-top:1.2rem;border-top:1px solid var(--line)}
.about dt,.problem dt{margin-top:.7rem}
footer .in{padding-top:1.2rem;padding-bottom:2.2rem}
footer p+p{margin-top:.35rem}
.problem{max-width:74rem;padding-top:1.8rem}
.problem>*{max-width:40rem}
.problem h2{margin-top:1.8rem;margin-bottom:.3rem}
.lead{font-size:1.1875rem}
@media(min-width:44rem){.in{padding-left:2rem;padding-right:2rem}.facts dl{grid-template-columns:repeat(3,1fr);column-gap:2rem}.facts dd{font-size:1.3125rem}.row.wide{grid-template-columns:minmax(0,1fr) minmax(0,1.4fr)}.row{grid-template-columns:minmax(0,1fr) minmax(0,1.4fr)}.kind b{display:inline;margin-right:.6rem}nav ul{grid-template-columns:repeat(3,1fr)}}
@media(min-width:68rem){main:not(.problem){display:grid;grid-template-columns:11.5rem minmax(0,1fr) 16rem;column-gap:3rem}.facts,.standing{grid-column:1/-1}.facts dl{display:flex;flex-wrap:wrap;column-gap:1.5rem}.facts dl>div{flex:1 1 8rem}.facts .long{flex:2 1 13rem}.facts dd,.facts .long dd{font-size:1.125rem}nav{position:sticky;top:1.25rem;align-self:start;margin-top:2.4rem}nav ul{display:block}.data{grid-column:2}.about{grid-column:3;position:sticky;top:1.25rem;align-self:start}figure{display:block}figure img{width:100%;height:auto}figcaption{margin-top:.6rem}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#333;--line:#999;--tint:#fff;--accent:#000;--band:#fff;--onband:#000;--gilt:#000}.band{background:none}nav,.skip,.what,summary,figcaption a,figcaption .soft,.named+.soft{display:none}main:not(.problem){display:block}.about{position:static}.row,figure,.facts dl>div{break-inside:avoid}h2{break-after:avoid}figure img{width:30mm;height:30mm}details::details-content{content-visibility:visible;display:block;height:auto}body{font-size:10pt}.named::after{content:" (" attr(href) ")";font-size:.8em}}`
