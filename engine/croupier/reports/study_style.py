"""The style sheet of a study's page, added to that of every report."""

STYLE = """
.c0{--of:#1f6feb}.c1{--of:#c2571a}.c2{--of:#1a7f5a}.c3{--of:#8250df}.c4{--of:#b5367a}.c5{--of:#7d6608}
.holdout{--of:#77818e}
@media(prefers-color-scheme:dark){.c0{--of:#6ea8fe}.c1{--of:#f0995e}.c2{--of:#57c98a}.c3{--of:#b794f6}.c4{--of:#f08cc0}
.c5{--of:#d9c04a}.holdout{--of:#8d97a5}}
.key{white-space:nowrap}.key::before{content:"";display:inline-block;width:.7em;height:.7em;border-radius:50%;
background:var(--of);margin-right:.4em}
.keys{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.85rem;color:var(--soft)}
.curve{fill:none;stroke:var(--of);stroke-width:1.8}.dashed{fill:none;stroke:var(--of);stroke-dasharray:4 4;opacity:.65}
.area{fill:var(--of);opacity:.75}rect.insufficient{fill:var(--line);opacity:.5}td .insufficient{color:var(--soft)}
.alarm{stroke:var(--bad);stroke-dasharray:5 3}.violated>*{color:var(--bad)}.mismatch{color:var(--bad);font-weight:500}
.neutral{white-space:nowrap;font-size:.8rem;font-weight:500;border-radius:99px;padding:.1rem .6rem;color:var(--soft);
border:1px solid var(--soft)}
h2 i{font-style:normal;font-weight:400;color:var(--soft)}dd i{font-style:normal;color:var(--soft);font-size:.85rem}
.counts{grid-template-columns:1fr;align-content:center}
.findings{padding-left:1.1rem;margin:.25rem 0}section p{margin:.5rem 0}section .charts{margin:1rem 0}
.timeline{list-style:none;padding:0;margin:0}
.timeline li{padding:.3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.timeline li:last-child{border:0}
.timeline b{display:inline-block;min-width:7rem;font-weight:500;font-variant-numeric:tabular-nums}
@media(max-width:36rem){.estimates td:empty{display:none}.estimates td{grid-template-columns:5rem 1fr}}
"""
