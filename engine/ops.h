// The differentiable operations.
//
// Each is a free function that checks its arguments (an Error names the op, the argument and the
// shapes found and expected), allocates its output on the tape, runs its kernel and records how to
// go back. Formulas, saved values and costs are in the contract of the kernel of the same name,
// kernels/NAME.h. Layouts are channels-last: (N,H,W,C), (N,T,C).
#pragma once

#include <optional>

#include "base/beat.h"
#include "engine/tape.h"
#include "kernels/gather_jittered.h"
#include "kernels/morlet_cwt.h"
#include "kernels/running_loss.h"

namespace ekgine {

// x (...,C), weight (C), bias (C) -> (...,C)
Tensor layer_norm(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  double epsilon);

struct AddLayerNorm {
  Tensor sum;  // a + alpha·dropout(b, rate)
  Tensor y;    // layer_norm(sum)
};
// Both in one pass, with the random bits that dropout() would draw: a, b (...,C), weight (C),
// bias (C)
AddLayerNorm add_layer_norm(Tape& tape, const Tensor& a, double alpha, const Tensor& b, double rate,
                            const Tensor& weight, const Tensor& bias, double epsilon);

// beats (U,L) of Real, in any unit -> scalograms (U,S,L,1) in the same, of S scales, which may be
// given by their number; with mean and std (L), both or none (empty tensors), normalised per time
// column. Not differentiable: beats are data.
Tensor morlet_cwt(Tape& tape, const Tensor& beats, const kernels::MorletScales& scales,
                  const Tensor& mean, const Tensor& std,
                  kernels::MorletSigns signs = kernels::MorletSigns::dropped);

// x (N,H,W,C), weight (KH,KW,C,O) -> (N,H,W,O); same padding, stride 1, no bias
Tensor conv2d(Tape& tape, const Tensor& x, const Tensor& weight);

// Weights and running statistics of a batch normalisation over the last axis; all (C). In training
// mode batch statistics normalise and update the running ones; in inference mode the running ones
// normalise. The update of step t is running = m·running + (1 − m)·batch (biased variance) with
// m = min(momentum, (t − 1)/t): the plain average of the first 1/(1 − momentum) batches, then
// Keras' exponential one. Keras uses momentum from the start, so its initial values 0 and 1 still
// weigh 0.99^100 = 37 % after a hundred steps, and a short run evaluates with statistics of no
// data.
struct BatchNorm {
  Tensor weight, bias, running_mean, running_variance;
  double epsilon = 1e-3, momentum = 0.99;
};
// x (...,C) -> (...,C)
Tensor batch_norm(Tape& tape, const Tensor& x, const BatchNorm& norm);
// max_pool2d(relu(batch_norm(x))): x (N,H,W,C) -> (N,H/2,W/2,C); backward overwrites x when it can
Tensor batch_norm_relu_max_pool2d(Tape& tape, const Tensor& x, const BatchNorm& norm);
// global_avg_pool(relu(batch_norm(x))): x (N,H,W,C) -> (N,C); backward overwrites x when it can
Tensor batch_norm_relu_global_avg_pool(Tape& tape, const Tensor& x, const BatchNorm& norm);
// batch_norm_relu_max_pool2d(conv2d(x, kernel)), without the convolution in memory: x (N,H,W,1),
// kernel (3,3,1,C) -> (N,H/2,W/2,C). x is data: it gets no gradient.
Tensor stem(Tape& tape, const Tensor& x, const Tensor& kernel, const BatchNorm& norm);

// 2×2 windows, stride 2, valid: x (N,H,W,C) -> (N,H/2,W/2,C)
Tensor max_pool2d(Tape& tape, const Tensor& x);

// Mean over all axes between the first and the last: x (N,...,C) -> (N,C)
Tensor global_avg_pool(Tape& tape, const Tensor& x);

// x (...,I), weight (I,O), bias (O) or empty -> (...,O)
Tensor linear(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias);

// query, key, value (N,T,H,D) -> (N,T,H,D): softmax(query·keyᵀ/√D), dropout, ·value, per head
Tensor attention(Tape& tape, const Tensor& query, const Tensor& key, const Tensor& value,
                 double dropout);

// projected (N,T,4H), recurrent (H,4H) -> (N,H): the last state of a long short-term memory, where
// projected is linear(inputs); gates in Keras' order i, f, g, o
Tensor lstm(Tape& tape, const Tensor& projected, const Tensor& recurrent);

// x (N,T,C), weight (K,C), bias (C) -> (N,T,C); same padding, any K ≥ 1, T < K too
Tensor depthwise_conv1d(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias);

// x (...,2C) -> (...,C): first half × σ(second half)
Tensor glu(Tape& tape, const Tensor& x);
Tensor swish(Tape& tape, const Tensor& x);
Tensor relu(Tape& tape, const Tensor& x);

// Zeroes elements with probability `rate` and scales the others by 1/(1 − rate); identity in
// inference mode and for rate 0.
Tensor dropout(Tape& tape, const Tensor& x, double rate);

// dropout(swish(x), rate) in one pass, with the same random bits; swish in inference mode and for
// rate 0.
Tensor swish_dropout(Tape& tape, const Tensor& x, double rate);

// a + alpha·b, equal shapes
Tensor add_scaled(Tape& tape, const Tensor& a, double alpha, const Tensor& b);

// x (N,T,C) + table (R,C) with R ≥ T: row t of the table is added at position t
Tensor add_position(Tape& tape, const Tensor& x, const Tensor& table);

// x (U,C), index (B,T) of i32 in [0,U) -> (B,T,C): rows of x, any number of times each
Tensor gather(Tape& tape, const Tensor& x, const Tensor& index);

// x (N,C) of Real, index (U) of i32 in [0,N), ids (U) of i32, typical (R,C) of Real, records (U) of
// i32 in [0,R) -> (U,C): rows of x, from which rows of `typical` were subtracted, each scaled and
// shifted by what is drawn anew for every step and id. Not differentiable: x is data.
Tensor gather_jittered(Tape& tape, const Tensor& x, const Tensor& index, const Tensor& ids,
                       const Tensor& typical, const Tensor& records, const kernels::Jitter& jitter);

// How standardise() spoils features in training mode: see kernels/standardise.h.
struct Spoiling {
  double noise = 0;        // standard deviation, in those of the features
  double dropout = 0;      // share of the features that a group is left without, in [0, 1)
  std::int64_t group = 1;  // consecutive rows that lack the same ones
  double shift = 0;  // standard deviation of what a group's tied features move by, in their unit
  std::uint64_t tied = 0;  // these columns of x, as bits
};
// x (N,W) of Real, mean (W), std (W) -> (N,C): (x − mean)/std of C of the columns, or without
// `columns` of all, spoilt in training mode. Not differentiable: x is data.
Tensor standardise(Tape& tape, const Tensor& x, const Tensor& mean, const Tensor& std,
                   const Spoiling& spoiling = {}, std::optional<Columns> columns = {});
// Those columns of x (N,W) of Real as they are -> (N,C) of Real. Not differentiable: x is data.
Tensor take_columns(Tape& tape, const Tensor& x, Columns columns);

struct CrossEntropy {
  Tensor loss;  // (1): Σ class_weight[label]·(−log p[label]) / B, or of all that ranks share
  Tensor probabilities;  // (B,C): softmax of the logits; a constant
};
// logits (B,C), labels (B) of i32 in [0,C), class_weights (C)
CrossEntropy softmax_cross_entropy(Tape& tape, const Tensor& logits, const Tensor& labels,
                                   const Tensor& class_weights);

// Adds the loss, and how many labels (B) were the most probable class, to `totals` in the device's
// memory, as kernels/running_loss.h says. Not part of the gradient.
void running_loss(Tape& tape, const CrossEntropy& cross_entropy, const Tensor& labels,
                  kernels::RunningLoss* totals);

// Softmax over the last axis, for inference; a constant.
Tensor softmax(Tape& tape, const Tensor& logits);

}  // namespace ekgine
