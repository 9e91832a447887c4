"""The style sheet of a report, responsive, in light and dark mode."""

STYLE = """
:root{--ink:#1d2430;--soft:#5b6675;--line:#dfe3e8;--page:#f6f7f9;--card:#fff;--mark:#1f6feb;--band:#1f6feb33;
--bar:#8aa9d6;--good:#17733f;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#2c333d;--page:#12161b;--card:#1a1f26;
--mark:#6ea8fe;--band:#6ea8fe33;--bar:#4d6b99;--good:#57c98a;--bad:#ff8f85}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:66rem;margin:0 auto;padding:1.25rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 1rem}
h2{font-size:1.1rem;margin:0 0 .75rem;overflow-wrap:anywhere}h3{font-size:.95rem;margin:1.25rem 0 .5rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem;margin:0 0 1rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:1rem}
.facts>div{min-width:0}.facts b{display:block;overflow-wrap:anywhere;line-height:1.3;
font-size:1.35rem;font-variant-numeric:tabular-nums}
.facts span{color:var(--soft);font-size:.85rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.45rem .6rem;text-align:right;border-bottom:1px solid var(--line);vertical-align:top}
tbody tr:last-child>*{border-bottom:0}
th:first-child{text-align:left;overflow-wrap:anywhere;min-width:6rem}thead th{color:var(--soft);font-weight:500}
tbody th{font-weight:500}
small{display:block;color:var(--soft);white-space:nowrap}small i{font-style:normal;opacity:.8}
.refused{color:var(--bad)}
.good,.bad{font-size:.8rem;font-weight:500;border-radius:99px;padding:.1rem .6rem;white-space:nowrap}
.good{color:var(--good);border:1px solid var(--good)}.bad{color:var(--bad);border:1px solid var(--bad)}
.refusals{margin:.25rem 0 1rem;padding-left:1.1rem}.refusals i{color:var(--soft);font-style:normal}
.small{font-size:.85rem;color:var(--soft)}ul.small{padding-left:1.1rem}
details{margin-top:.5rem}summary{cursor:pointer;color:var(--soft);font-size:.9rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}
figure{margin:0}figcaption{font-size:.85rem;color:var(--soft);margin-bottom:.25rem}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--soft);font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
.line{fill:none;stroke:var(--mark);stroke-width:1.8}.band{fill:var(--band)}.grid{stroke:var(--line)}
.bar{fill:var(--bar)}.dot{fill:var(--mark)}.interval{stroke:var(--mark);stroke-width:5}
.sequence{stroke:var(--band);stroke-width:9}.mean{stroke:var(--soft);stroke-dasharray:3 3}
.ranges{max-width:34rem;margin:1rem 0 0}
.ranges text{paint-order:stroke;stroke:var(--card);stroke-width:4px}
.pairs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem;
margin:0 0 1rem}
.pairs section{margin:0}.pairs figure{max-width:36rem}
.over{font-style:normal;font-weight:400;color:var(--soft)}
@media(max-width:36rem){.estimates thead{display:none}.estimates tbody>tr{display:block;padding:.5rem 0;
border-bottom:1px solid var(--line)}.estimates tr>*{border:0;padding:.2rem 0}.estimates tbody th{display:block}
.estimates td{display:grid;grid-template-columns:minmax(4rem,max-content) 1fr;column-gap:.5rem}
.estimates small{white-space:normal}
.estimates td::before{content:attr(data-of);
color:var(--soft);text-align:left;grid-row:1/5}svg text{font-size:14px}}
dl{display:grid;grid-template-columns:repeat(2,1fr);gap:.75rem;margin:1rem 0 0}
@media(min-width:44rem){dl{grid-template-columns:repeat(4,1fr)}}
dl div{border-left:2px solid var(--line);padding-left:.6rem}dt{font-size:.8rem;color:var(--soft)}
dd{margin:0;font-variant-numeric:tabular-nums}
"""
