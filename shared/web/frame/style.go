package frame

// Palette is the colours of every page as variables, for light and for dark; each page adds those of print. The contrast
// of every pair in use is tested by the pages (package testkit/markup). Colour never carries a meaning alone.
const Palette = `:root{color-scheme:light dark;--paper:#fbfcfa;--ink:#16211d;--soft:#4f5d57;--line:#d3dcd6;--tint:#eff4f0;--accent:#0b5d43;--band:#0d3b2e;--onband:#f6f3ea;--gilt:#e6cb8f;--warn:#8c1d18}
@media(prefers-color-scheme:dark){:root{--paper:#111714;--ink:#e8eeeb;--soft:#a6b5ae;--line:#33403a;--tint:#1a221e;--accent:#82d3b3;--band:#0b2d23;--onband:#f1eee4;--gilt:#dfc48a;--warn:#ffb4ab}}
`

// Base is the rules that all pages have in common. It names no font that must be loaded and no image. A page's own style
// sheet begins with Palette and Base.
const Base = `*{box-sizing:border-box}
h1,h2{font-family:"Iowan Old Style","Palatino Linotype",Palatino,"Book Antiqua",Charter,Georgia,"Liberation Serif",serif;font-weight:600;text-wrap:balance}
ul{list-style:none}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.band{background:repeating-radial-gradient(circle at 100% 0,#fff0 0 .62rem,#ffffff0d .62rem .68rem) var(--band);color:var(--onband);border-bottom:3px solid var(--gilt)}
.band :focus-visible{outline-color:var(--gilt)}
footer{border-top:1px solid var(--line);font-size:.875rem;color:var(--soft)}
`
