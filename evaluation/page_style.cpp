#include "evaluation/page_style.h"

#include <fmt/format.h>

#include <string_view>

#include "evaluation/colours.h"

namespace ekgine {

namespace {

constexpr std::string_view common_style = R"(
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:28px 20px 60px;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 8px}
h2{font-size:1.2rem;margin:44px 0 4px}
h3{font-size:1rem;margin:0 0 6px}
p{margin:4px 0 12px;max-width:75ch}
.soft{color:var(--soft)}
.small{font-size:.86rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.wide{width:100%;min-width:640px}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;color:var(--soft);font-size:.86rem}
th:first-child,td:first-child{text-align:left}
.grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px;min-width:0}
.key{display:inline-flex;align-items:center;gap:7px;margin:0 18px 6px 0}
.key i{width:22px;height:3px;border-radius:2px}
svg text{fill:var(--ink);font-family:inherit}
svg .t{fill:var(--soft)}
svg .axis{stroke:var(--line);stroke-width:1;fill:none}
@page{margin:14mm}
@media print{*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
html{font-size:11px}
body{max-width:none;padding:0;font-size:1rem}
h2{margin-top:24px}
h1,h2,h3{break-after:avoid}
h2+p,.keys{break-after:avoid}
.card,.scroll,.made,tr,svg,img{break-inside:avoid}
.scroll{overflow:visible}
.wide{min-width:0}
.wide th,.wide td{padding:4px 5px;white-space:normal}
.card{padding:8px}}
)";

// The scheme as custom properties.
std::string scheme(const PageColours& c) {
  std::string models;
  for (std::size_t m = 0; m < c.models.size(); ++m) {
    models += fmt::format(";--m{}:{}", m, hex(c.models[m]));
  }
  return fmt::format(
      ":root{{--paper:{};--card:{};--ink:{};--soft:{};--line:{};--good:{};--bad:{}{}}}\n",
      hex(c.paper), hex(c.card), hex(c.ink), hex(c.soft), hex(c.line), hex(c.good), hex(c.bad),
      models);
}

}  // namespace

std::string page_style() {
  return ":root{color-scheme:light dark}\n" + scheme(light_page) +
         "@media screen and (prefers-color-scheme:dark){" + scheme(dark_page) + "}" +
         std::string(common_style);
}

}  // namespace ekgine
