#include "engine/profile.h"

#include <algorithm>

#if EKGINE_HAS_CUDA
#include <nvtx3/nvToolsExt.h>
#endif

namespace ekgine {

namespace {

double seconds(Profile::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

const char* name_of(Phase phase) {
  switch (phase) {
    case Phase::step:
      return "step";
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::update:
      return "update";
    case Phase::host:
      break;
  }
  return "host";
}

#if EKGINE_HAS_CUDA
NvtxRange::NvtxRange(const char* name) {
  nvtxRangePushA(name);
}

NvtxRange::~NvtxRange() {
  nvtxRangePop();
}
#else
NvtxRange::NvtxRange(const char*) {}

NvtxRange::~NvtxRange() = default;
#endif

void Profile::begin_step() {
  if (steps_ == warm_up_steps) {
    rows_.clear();
    trace_.clear();
    forgotten_ = steps_;
  }
  ++steps_;
}

void Profile::Span::begin() {
  if (phase_ == Phase::step) profile_->begin_step();
  outer_ = std::exchange(profile_->innermost_, this);
  start_ = Clock::now();
}

void Profile::Span::end() {
  const Clock::duration whole = Clock::now() - start_;
  profile_->innermost_ = outer_;
  if (outer_ != nullptr) outer_->inside_ += whole;

  Row& row = profile_->rows_[{op_.name, phase_}];
  ++row.calls;
  row.seconds += seconds(whole - inside_);
  row.cost.flops += op_.cost.flops;
  row.cost.bytes += op_.cost.bytes;
  if (profile_->steps() <= traced_steps) {
    profile_->trace_.push_back(
        {op_.name, phase_, profile_->steps_, seconds(start_ - profile_->origin_), seconds(whole)});
  }
}

std::vector<Profile::Row> Profile::rows() const {
  std::vector<Row> rows;
  for (const auto& [key, row] : rows_) {
    rows.push_back(row);
    rows.back().name = key.first;
    rows.back().phase = key.second;
  }
  std::ranges::stable_sort(rows, std::greater(), &Row::seconds);
  return rows;
}

}  // namespace ekgine
