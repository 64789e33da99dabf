package workspacepage

import "github.com/passportcraft/passportcraft/shared/web/frame"

// style is the style sheet, sent inside the page. Its colours are the variables at the top, for light, dark and print;
// the contrast of every pair in use is tested. Colour never carries a meaning alone.
const style = frame.Palette + frame.Base + `html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
.in{max-width:74rem;margin:0 auto;padding-left:1.25rem;padding-right:1.25rem}
p,ul,dl,dd,fieldset{margin:0;padding:0}
fieldset{border:0;min-width:0}
legend{padding:0;font-weight:600}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.875rem}
.soft{color:var(--soft);font-size:.9375rem}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;z-index:1;padding:.6rem 1rem;background:var(--paper)}
.band .in{padding-top:1.3rem;padding-bottom:1.2rem;display:flex;flex-wrap:wrap;gap:.6rem 2rem;align-items:end;justify-content:space-between}
.band a{color:var(--gilt)}
.kind{font-size:.875rem;font-weight:600;color:var(--gilt)}
.who{font-size:.9375rem}
.who span{margin-right:.9rem}
h1{margin:.35rem 0 0;font-size:clamp(1.6rem,1.35rem + 1.3vw,2.1rem);line-height:1.15}
h2{margin:0;font-size:1.375rem;line-height:1.25}
main{padding-top:1.4rem;padding-bottom:3rem}
main>section,.work section{margin-top:2.2rem}
.status:empty{display:none}
.box{padding:.85rem 1rem;background:var(--tint);border-left:4px solid var(--accent)}
.box p+p{margin-top:.35rem}
.error{border-left-color:var(--warn)}
.error b,.bad{color:var(--warn)}
.pick{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:center}
form{margin-top:.9rem;display:grid;gap:.9rem}
.field{display:grid;gap:.25rem;align-content:start}
.field>label,.field>.label{font-weight:600;font-size:.9375rem}
.hint{color:var(--soft);font-size:.875rem}
.bad{font-size:.9375rem}
.bad:empty{display:none}
input,select{width:100%;min-height:2.75rem;padding:.5rem .7rem;border:1px solid var(--soft);border-radius:.4rem;background:var(--paper);color:var(--ink);font:inherit}
.pick select{width:auto;max-width:100%}
[aria-invalid=true]{border-color:var(--warn);border-width:2px}
.field>label.check{font-weight:400}
.check{display:flex;gap:.6rem;align-items:start;padding:.3rem 0}
.check input{width:1.25rem;min-height:1.25rem;margin:.15rem 0 0;flex:none;accent-color:var(--accent)}
.two{display:grid;gap:.9rem}
button{min-height:2.75rem;padding:.6rem 1.2rem;border:0;border-radius:.5rem;background:var(--accent);color:var(--paper);font:inherit;font-weight:600;cursor:pointer;justify-self:start}
button:hover{text-decoration:underline}
button[disabled]{opacity:.6;cursor:default}
button.plain{min-height:2.25rem;padding:.3rem .8rem;background:var(--paper);color:var(--accent);border:1px solid var(--accent)}
.list{margin-top:.8rem;border-top:2px solid var(--ink)}
.list>li{padding:.7rem 0;border-bottom:1px solid var(--line);display:grid;gap:.15rem .9rem}
.list b{font-weight:600}
.top{display:flex;flex-wrap:wrap;gap:.2rem .8rem;justify-content:space-between;align-items:baseline}
.tag{font-size:.8125rem;font-weight:600;color:var(--accent)}
.acts{display:flex;flex-wrap:wrap;gap:.4rem .9rem;align-items:center}
table{width:100%;margin-top:.8rem;border-collapse:collapse;border-top:2px solid var(--ink);font-size:.9375rem}
th{text-align:left;white-space:nowrap;font-weight:400;color:var(--soft);font-size:.875rem}
th,td{padding:.55rem .8rem .55rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.secret{display:block;margin-top:.3rem;padding:.6rem .7rem;background:var(--paper);border:1px solid var(--line);user-select:all}
.qr{display:block;width:12rem;max-width:100%;margin:.8rem 0}
#contract{margin-top:1.5rem}
#contract.leaving{border-left:4px solid var(--warn);padding-left:1rem}
.instants{display:grid;gap:.1rem .9rem;margin:.8rem 0}
.instants:empty{display:none}
.instants dt{font-weight:600}
.instants dt.reached{color:var(--soft);font-weight:400}
.instants dd{margin:0 0 .5rem}
@media(min-width:44rem){.instants{grid-template-columns:max-content minmax(0,1fr)}}
button.danger{background:var(--warn)}
#fates-more{margin-top:.6rem}
#factor{margin-top:.8rem}
details{margin-top:1rem}
summary{cursor:pointer;color:var(--accent);padding:.35rem 0;width:fit-content}
[hidden]{display:none!important}
footer .in{padding-top:1.2rem;padding-bottom:2.2rem}
@media(max-width:43.99rem){thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}tr{display:block;padding:.6rem 0;border-bottom:1px solid var(--line)}td{display:grid;grid-template-columns:7rem minmax(0,1fr);gap:.5rem;padding:.12rem 0;border:0}td::before{content:attr(data-name);color:var(--soft)}}
@media(min-width:44rem){.in{padding-left:2rem;padding-right:2rem}.two{grid-template-columns:1fr 1fr}.two>.wide{grid-column:1/-1}}
@media(min-width:68rem){.work{display:grid;grid-template-columns:minmax(0,1fr) 22rem;grid-template-rows:auto 1fr;column-gap:3.5rem}.side{grid-column:2;grid-row:1/3}.side+div{grid-column:1;grid-row:2}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#333;--line:#999;--tint:#fff;--accent:#000;--band:#fff;--onband:#000;--gilt:#000;--warn:#000}.band{background:none}form,button,.skip{display:none}}`
