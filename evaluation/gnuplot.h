// Pictures drawn by gnuplot, run as a child process: no shell, no user settings, never fatal. Its
// script holds no names of files, and of texts only what gnuplot_string() makes of them.
#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

struct Picture {
  std::string name;           // of the files: NAME.svg and NAME.png
  int width = 0, height = 0;  // pixels
  std::string data;           // gnuplot: data blocks, "$NAME << EOD"
  // gnuplot: settings and the plot, run once for each format. Fonts are given as ',16' (pixels);
  // text with mark-up unless it is told `noenhanced`.
  std::string commands;
};

// Draws every picture as SVG and PNG into `directory`, all at the same time; each file appears
// whole or not at all. Returns a line for a person to read per reason why pictures could not be
// drawn, with their names; nothing when all are there. `timeout` is for all together; gnuplots
// still running then are stopped. Errors: the directory is missing or not writable.
std::vector<std::string> draw_pictures(
    const std::filesystem::path& directory, std::span<const Picture> pictures,
    std::chrono::milliseconds timeout = std::chrono::seconds(60));

// `text`, made printable (base/console.h), as a gnuplot string literal. Where gnuplot takes
// literals for formats (tic labels), a '%' must still be doubled, and mark-up be off
// (`noenhanced`).
std::string gnuplot_string(std::string_view text);

}  // namespace ekgine
