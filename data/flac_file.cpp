#include "data/flac_file.h"

#include <FLAC/stream_decoder.h>

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/regular_file.h"

namespace ekgine {

namespace {

// A frame of FLAC has at most so many samples of each channel, and at least so many bytes.
constexpr std::int64_t largest_flac_frame = 65535;
constexpr std::int64_t fewest_frame_bytes = 9;

}  // namespace

struct FlacFile::Decoder {
  explicit Decoder(const std::filesystem::path& file_path)
      : path(file_path.string()), file(file_path), flac(FLAC__stream_decoder_new()) {
    if (flac == nullptr) throw std::bad_alloc();
    const auto status =
        FLAC__stream_decoder_init_stream(flac, read_bytes, nullptr, nullptr, nullptr, nullptr,
                                         take_frame, take_description, take_error, this);
    if (status != FLAC__STREAM_DECODER_INIT_STATUS_OK) {
      FLAC__stream_decoder_delete(flac);
      fail("{}: libFLAC: {}", path, FLAC__StreamDecoderInitStatusString[status]);
    }
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { FLAC__stream_decoder_delete(flac); }

  // Decodes on: a block of the description, or a frame, to the end of `frames`.
  void step() {
    const bool done = FLAC__stream_decoder_process_single(flac) != 0;
    if (failure) std::rethrow_exception(failure);
    if (damage != nullptr || !done) {
      fail("{}: damaged: libFLAC: {}", path,
           damage != nullptr ? damage : FLAC__stream_decoder_get_resolved_state_string(flac));
    }
  }

  bool at_end() const {
    return FLAC__stream_decoder_get_state(flac) == FLAC__STREAM_DECODER_END_OF_STREAM;
  }

  // No exception may go through libFLAC.
  static FLAC__StreamDecoderReadStatus read_bytes(const FLAC__StreamDecoder*, FLAC__byte buffer[],
                                                  std::size_t* bytes, void* self) {
    auto* const decoder = static_cast<Decoder*>(self);
    try {
      *bytes = decoder->file.read(std::span(reinterpret_cast<char*>(buffer), *bytes));
      return *bytes == 0 ? FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM
                         : FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
    } catch (...) {
      decoder->failure = std::current_exception();
      return FLAC__STREAM_DECODER_READ_STATUS_ABORT;
    }
  }

  static FLAC__StreamDecoderWriteStatus take_frame(const FLAC__StreamDecoder*,
                                                   const FLAC__Frame* frame,
                                                   const FLAC__int32* const channels[],
                                                   void* self) {
    auto* const decoder = static_cast<Decoder*>(self);
    const unsigned count = frame->header.channels;
    if (count != decoder->info.channels ||
        frame->header.bits_per_sample != decoder->info.bits_per_sample) {
      decoder->damage = "a frame of other channels or bits than the file";
      return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
    }
    try {
      for (unsigned t = 0; t < frame->header.blocksize; ++t) {
        for (unsigned c = 0; c < count; ++c) decoder->frames.push_back(channels[c][t]);
      }
      return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
    } catch (...) {
      decoder->failure = std::current_exception();
      return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
    }
  }

  static void take_description(const FLAC__StreamDecoder*, const FLAC__StreamMetadata* block,
                               void* self) {
    if (block->type != FLAC__METADATA_TYPE_STREAMINFO) return;
    auto* const decoder = static_cast<Decoder*>(self);
    decoder->info = block->data.stream_info;
    decoder->described = true;
  }

  static void take_error(const FLAC__StreamDecoder*, FLAC__StreamDecoderErrorStatus status,
                         void* self) {
    static_cast<Decoder*>(self)->damage = FLAC__StreamDecoderErrorStatusString[status];
  }

  std::string path;
  RegularFile file;
  FLAC__StreamDecoder* flac;
  FLAC__StreamMetadata_StreamInfo info{};
  bool described = false;
  std::vector<std::int32_t> frames;  // decoded and not yet given
  std::size_t given = 0;             // of them
  const char* damage = nullptr;
  std::exception_ptr failure;
};

FlacFile::FlacFile(const std::filesystem::path& path) : decoder_(std::make_unique<Decoder>(path)) {
  while (!decoder_->described && !decoder_->at_end()) decoder_->step();
  if (!decoder_->described || decoder_->info.channels == 0) {
    fail("{}: is no FLAC", path.string());
  }
}

FlacFile::~FlacFile() = default;

int FlacFile::channels() const {
  return static_cast<int>(decoder_->info.channels);
}

int FlacFile::bits() const {
  return static_cast<int>(decoder_->info.bits_per_sample);
}

std::optional<std::int64_t> FlacFile::samples() const {
  const auto samples = static_cast<std::int64_t>(decoder_->info.total_samples);
  if (samples == 0) return {};  // not known
  return samples;
}

std::int64_t FlacFile::most_samples() const {
  return decoder_->file.size() / fewest_frame_bytes * largest_flac_frame;
}

void FlacFile::read(std::span<std::int32_t> to) {
  Decoder& decoder = *decoder_;
  while (!to.empty()) {
    if (decoder.given == decoder.frames.size()) {
      decoder.frames.clear();
      decoder.given = 0;
      if (decoder.at_end()) {
        fail("{}: truncated: it ends {} samples too early", decoder.path,
             to.size() / decoder.info.channels);
      }
      decoder.step();
      continue;
    }
    const std::size_t count = std::min(to.size(), decoder.frames.size() - decoder.given);
    std::copy_n(decoder.frames.begin() + static_cast<std::ptrdiff_t>(decoder.given), count,
                to.begin());
    decoder.given += count;
    to = to.subspan(count);
  }
}

void FlacFile::skip(std::int64_t samples) {
  std::vector<std::int32_t> skipped;
  for (std::int64_t done = 0; done < samples; done += largest_flac_frame) {
    skipped.resize(
        static_cast<std::size_t>(std::min(samples - done, largest_flac_frame) * channels()));
    read(skipped);
  }
}

}  // namespace ekgine
