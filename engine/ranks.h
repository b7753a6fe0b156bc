// Processes that train one model together: what they tell each other.
//
// Every rank makes the same calls in the same order. What they hold of a batch is cut in as many
// parts as there are ranks, in their order; sums are taken in that order, so that all ranks get the
// same bits, and the same number of ranks gets them again. Arrays are in host memory: what devices
// tell each other is in engine/shared_batch.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace ekgine {

// What all ranks throw in the same call: one of them tells it for all, and all end in order.
class AgreedError : public Error {
 public:
  using Error::Error;
};

// Consecutive ones of something: first, ..., first + count − 1.
struct Slice {
  std::int64_t first = 0, count = 0;
};

class Ranks {
 public:
  // Rank `rank` of `count`, from 0 on.
  Ranks(int rank, int count) : rank_(rank), count_(count) {}
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  virtual ~Ranks() = default;

  int rank() const { return rank_; }
  int count() const { return count_; }

  // This rank's part of `all` things, and another one's: as equal as possible, the larger ones
  // first.
  Slice slice(std::int64_t all) const { return slice(all, rank_); }
  Slice slice(std::int64_t all, int rank) const;

  // The step that this rank is at, for errors to tell.
  virtual void set_step(std::int64_t /*step*/) {}
  // How long a rank waits for the others.
  virtual std::chrono::milliseconds patience() const { return std::chrono::hours(1); }
  // Calls `work`, within which this rank waits for the others, no longer than patience().
  virtual void wait_in(const std::function<void()>& work) { work(); }

  // all (rows, width) of the slices of its rows that the ranks have: `mine` is slice(rows).
  // Assigned; `mine` may lie in its place within `all`.
  template <class T>
  void gather_rows(std::int64_t rows, std::int64_t width, const T* mine, T* all);
  // of_slice, slice(rows) of the sum over the ranks of their arrays (rows, width). Assigned.
  template <class T>
  void sum_slice(std::int64_t rows, std::int64_t width, const T* mine, T* of_slice);
  // values (n): the sum over the ranks, in place.
  template <class T>
  void sum(std::int64_t n, T* values);
  // What every rank has, in order.
  std::vector<std::string> gather_texts(std::string_view mine);
  // The same of values without pointers.
  template <class T>
  std::vector<T> gather(const T& mine) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> all(static_cast<std::size_t>(count_));
    gather_equal(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)));
    return all;
  }
  // Whether it is so on any rank.
  bool any(bool mine);

 protected:
  // Every rank r gives bytes[r] of its own, and all get all of them, in order.
  virtual void all_gather(const std::byte* mine, std::span<const std::size_t> bytes,
                          std::byte* all) = 0;
  // Sends each rank its piece of `mine`, which are in order, of sent[r] bytes, and gets one of
  // every rank, of `each` bytes, in order: (ranks, each). Theirs are mine[rank()] of each.
  virtual void all_to_all(const std::byte* mine, std::span<const std::size_t> sent,
                          std::size_t each, std::byte* received) = 0;

 private:
  std::vector<std::size_t> slice_bytes(std::int64_t rows, std::size_t row) const;
  void gather_equal(std::span<const std::byte> mine, std::span<std::byte> all);

  int rank_, count_;
};

// A process by itself, as ranks: everything is its own.
class NoOthers final : public Ranks {
 public:
  NoOthers() : Ranks(0, 1) {}

 private:
  void all_gather(const std::byte* mine, std::span<const std::size_t> bytes,
                  std::byte* all) override;
  void all_to_all(const std::byte* mine, std::span<const std::size_t> sent, std::size_t each,
                  std::byte* received) override;
};

}  // namespace ekgine
