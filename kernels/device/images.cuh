// Kernels on images (N,H,W,C): which thread works on which pixels. Channels are divided as in
// kernels/device/channels.cuh.
#pragma once

#include "kernels/device/channels.cuh"

namespace ekgine::device {

// For `bands` rows of `cells` 2×2 cells each: threadIdx.y picks the cell, and where a band has few,
// threadIdx.z the band. At most `most` blocks share the bands.
inline Grid cell_grid(int width, std::int64_t channels, std::int64_t bands, std::int64_t cells,
                      std::int64_t most) {
  Grid grid = channel_columns(width, channels);
  const std::int64_t lanes = channel_threads / grid.threads.x;
  grid.threads.y = static_cast<unsigned>(std::min(lanes, cells));
  // CUDA allows 64 threads along z.
  grid.threads.z =
      static_cast<unsigned>(std::min({lanes / grid.threads.y, bands, std::int64_t{64}}));
  grid.blocks.x = static_cast<unsigned>(std::min(blocks_of(bands, grid.threads.z), most));
  return grid;
}

// Calls body(n, i, j) for the calling thread's cells: those in row i and column j of image n, when
// an image has rows × columns of them.
template <class Body>
__device__ __forceinline__ void for_cells(std::int64_t images, std::int64_t rows,
                                          std::int64_t columns, const Body& body) {
  const Range bands = share_of(images * rows, blockIdx.x, gridDim.x);
  for (std::int64_t band = bands.begin + threadIdx.z; band < bands.end; band += blockDim.z) {
    const std::int64_t n = band / rows, i = band % rows;
    for (std::int64_t j = threadIdx.y; j < columns; j += blockDim.y) body(n, i, j);
  }
}

// The pixels of a 2×2 cell, of which those below or right of the image do not exist. Numbered in
// row-major order.
struct Cell {
  std::int64_t first, right, below;  // element of pixel 0; distances to pixels 1 and 2
  bool has_right, has_below;

  // Of cell (i, j) of image n, for the channels from `channel` on.
  __device__ __forceinline__ Cell(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t h,
                                  std::int64_t w, std::int64_t c, std::int64_t channel)
      : first(((n * h + 2 * i) * w + 2 * j) * c + channel),
        right(c),
        below(w * c),
        has_right(2 * j + 1 < w),
        has_below(2 * i + 1 < h) {}
  __device__ __forceinline__ bool full() const { return has_right && has_below; }
  __device__ __forceinline__ bool has(int pixel) const {
    return (pixel % 2 == 0 || has_right) && (pixel < 2 || has_below);
  }
  __device__ __forceinline__ std::int64_t operator[](int pixel) const {
    return first + (pixel % 2 == 0 ? 0 : right) + (pixel < 2 ? 0 : below);
  }
};

// For one pass over the positions of every image: an image is cut into slices, so that few images
// occupy the device too, but not into smaller ones than some positions to a thread.
struct Slices {
  Grid grid;
  std::int64_t per_image;
};
inline Slices image_slices(int width, std::int64_t channels, std::int64_t images,
                           std::int64_t positions) {
  Slices slices{channel_grid(width, channels, positions, 4, 64), 0};
  slices.per_image = slices.grid.blocks.x;
  slices.grid.blocks.x = static_cast<unsigned>(images * slices.per_image);
  return slices;
}

}  // namespace ekgine::device
