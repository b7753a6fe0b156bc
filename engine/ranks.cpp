#include "engine/ranks.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace ekgine {

Slice Ranks::slice(std::int64_t all, int rank) const {
  const std::int64_t least = all / count_, more = all % count_;
  return {rank * least + std::min<std::int64_t>(rank, more), least + (rank < more ? 1 : 0)};
}

std::vector<std::size_t> Ranks::slice_bytes(std::int64_t rows, std::size_t row) const {
  std::vector<std::size_t> bytes;
  bytes.reserve(static_cast<std::size_t>(count_));
  for (int r = 0; r < count_; ++r) {
    bytes.push_back(static_cast<std::size_t>(slice(rows, r).count) * row);
  }
  return bytes;
}

template <class T>
void Ranks::gather_rows(std::int64_t rows, std::int64_t width, const T* mine, T* all) {
  all_gather(reinterpret_cast<const std::byte*>(mine),
             slice_bytes(rows, static_cast<std::size_t>(width) * sizeof(T)),
             reinterpret_cast<std::byte*>(all));
}

template <class T>
void Ranks::sum_slice(std::int64_t rows, std::int64_t width, const T* mine, T* of_slice) {
  const std::size_t row = static_cast<std::size_t>(width) * sizeof(T);
  const std::int64_t n = slice(rows).count * width;
  std::vector<T> received(static_cast<std::size_t>(n * count_));
  all_to_all(reinterpret_cast<const std::byte*>(mine), slice_bytes(rows, row),
             static_cast<std::size_t>(n) * sizeof(T),
             reinterpret_cast<std::byte*>(received.data()));
  std::copy_n(received.data(), n, of_slice);
  for (int r = 1; r < count_; ++r) {
    const T* const theirs = received.data() + r * n;
    for (std::int64_t i = 0; i < n; ++i) of_slice[i] += theirs[i];
  }
}

template <class T>
void Ranks::sum(std::int64_t n, T* values) {
  if (count_ == 1) return;
  T* const mine = values + slice(n).first;
  sum_slice(n, 1, values, mine);
  gather_rows(n, 1, mine, values);
}

void Ranks::gather_equal(std::span<const std::byte> mine, std::span<std::byte> all) {
  all_gather(mine.data(), std::vector(static_cast<std::size_t>(count_), mine.size()), all.data());
}

std::vector<std::string> Ranks::gather_texts(std::string_view mine) {
  const std::vector<std::size_t> sizes = gather(mine.size());
  std::string all(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), '\0');
  all_gather(reinterpret_cast<const std::byte*>(mine.data()), sizes,
             reinterpret_cast<std::byte*>(all.data()));
  std::vector<std::string> texts;
  std::size_t begin = 0;
  for (const std::size_t size : sizes) {
    texts.push_back(all.substr(begin, size));
    begin += size;
  }
  return texts;
}

bool Ranks::any(bool mine) {
  const std::vector<char> all = gather(static_cast<char>(mine));
  return std::ranges::any_of(all, [](char of_rank) { return of_rank != 0; });
}

void NoOthers::all_gather(const std::byte* mine, std::span<const std::size_t> bytes,
                          std::byte* all) {
  if (mine != all && bytes.front() != 0) std::memcpy(all, mine, bytes.front());
}

void NoOthers::all_to_all(const std::byte* mine, std::span<const std::size_t> sent,
                          std::size_t each, std::byte* received) {
  if (sent.front() != 0) std::memcpy(received, mine, each);
}

template void Ranks::gather_rows(std::int64_t, std::int64_t, const float*, float*);
template void Ranks::gather_rows(std::int64_t, std::int64_t, const std::byte*, std::byte*);
template void Ranks::sum_slice(std::int64_t, std::int64_t, const float*, float*);
template void Ranks::sum_slice(std::int64_t, std::int64_t, const double*, double*);
template void Ranks::sum(std::int64_t, float*);
template void Ranks::sum(std::int64_t, double*);

}  // namespace ekgine
