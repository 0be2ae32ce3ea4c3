/** Style of the page: readable on a phone, on paper and without colour. */
export const style = `
:root { color-scheme: light dark; --edge: color-mix(in srgb, currentColor 30%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 1rem 0 0; }
dl { display: grid; gap: .25rem; } dl div { display: grid; grid-template-columns: 13rem 1fr; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
.failure { border: 3px double; padding: 0 1rem 1rem; } .failure h2 { margin-top: 1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--edge); padding-left: .75rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--edge); }
td { overflow-wrap: anywhere; } thead th { border-bottom-width: 2px; } small { font-weight: normal; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; fill: currentColor; font: 10px system-ui, sans-serif; }
svg path { fill: none; stroke: currentColor; } svg .way { stroke-width: 1; opacity: .6; }
svg .cross { stroke-width: 2; }
svg text { paint-order: stroke; stroke: Canvas; stroke-width: 3px; }
svg .line { stroke-width: 1; opacity: .8; } svg .end, svg .tick { text-anchor: end; }
@media (max-width: 30rem) { dl div { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; } }
@media print { :root { color-scheme: light; } body { max-width: none; padding: 0; font-size: 11pt; }
  .wide { overflow: visible; } tr, .failure { break-inside: avoid; } .charts { grid-template-columns: 1fr 1fr; } }
`;
