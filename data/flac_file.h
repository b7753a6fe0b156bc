// Samples in FLAC files, of WFDB's formats 508, 516 and 524, by libFLAC.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

namespace ekgine {

class FlacFile {
 public:
  // Opens a file and reads what it says of itself. Errors: no such file; it is no FLAC.
  explicit FlacFile(const std::filesystem::path& path);
  FlacFile(const FlacFile&) = delete;
  FlacFile& operator=(const FlacFile&) = delete;
  ~FlacFile();

  int channels() const;
  int bits() const;  // of a sample
  // Of each channel, where the file says it.
  std::optional<std::int64_t> samples() const;
  // No more than these, whatever it says, are in so many bytes.
  std::int64_t most_samples() const;

  // Decodes the next samples, those of all channels at one time together: as many as `to` holds.
  // Errors: damaged; it ends before.
  void read(std::span<std::int32_t> to);
  // Goes over as many samples of each channel; errors as above.
  void skip(std::int64_t samples);

 private:
  struct Decoder;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace ekgine
