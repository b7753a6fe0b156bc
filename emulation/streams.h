// Streams, events, captures and graphs, down to operations.
//
// CUDA declares the four types and leaves them to the implementation: they are defined here.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emulation/operations.h"

namespace ekgine::emulation {

// An operation of a graph; `after` are indices of nodes before it.
struct GraphNode {
  std::string name;
  const void* caller;
  Work work;
  std::vector<std::size_t> after;
  std::size_t chain = 0;  // nodes of a chain follow each other
  bool at_once = false;   // as enqueue() says
};

struct Capture;

}  // namespace ekgine::emulation

struct CUstream_st {
  bool blocking;  // waits for, and is waited for by, the legacy default stream
  ekgine::emulation::Lane lane;
  ekgine::emulation::Frontier frontier;  // what the next operation follows
  const void* caller;
  // While it is being captured:
  ekgine::emulation::Capture* capture = nullptr;
  std::vector<std::size_t> nodes;  // what the next node follows
};

struct CUevent_st {
  bool timed;
  const void* caller;
  ekgine::emulation::Frontier recorded;  // empty until it is first recorded
  std::shared_ptr<double> time;          // milliseconds, once the recording has run
  // Recorded in a capture:
  ekgine::emulation::Capture* capture = nullptr;
  std::uint64_t capture_number = 0;
  std::vector<std::size_t> nodes;
};

// A child graph within a graph: its nodes, by number.
struct CUgraphNode_st {
  std::size_t first, last;  // last: one past
};

struct CUgraph_st {
  const void* caller;
  std::vector<ekgine::emulation::GraphNode> nodes;
  std::vector<std::unique_ptr<CUgraphNode_st>> children;
};

struct CUgraphExec_st {
  const void* caller;
  std::vector<ekgine::emulation::GraphNode> nodes;
  std::vector<ekgine::emulation::Lane> lanes;  // one per chain
  ekgine::emulation::Frontier last;            // launches of one graph follow each other
};

namespace ekgine::emulation {

// Appends work to a stream (null: the legacy default stream), or to the graph it is captured into.
// `name` is for reports; `caller` the return address of the API call. `at_once`: it runs, with all
// that comes before it, as soon as it can, since other devices wait for it while the host may wait
// for other hosts.
cudaError_t enqueue(cudaStream_t stream, std::string name, Work work, const void* caller,
                    bool at_once = false);

// True while some stream is captured in a mode that forbids allocation and synchronisation; the
// capture that forbids it is invalid from then on.
bool forbidden_while_capturing();

cudaError_t create_stream(cudaStream_t* stream, bool blocking, const void* caller);
cudaError_t destroy_stream(cudaStream_t stream);
cudaError_t synchronise_stream(cudaStream_t stream);
cudaError_t query_stream(cudaStream_t stream);
cudaError_t wait_event(cudaStream_t stream, cudaEvent_t event);

cudaError_t create_event(cudaEvent_t* event, bool timed, const void* caller);
cudaError_t destroy_event(cudaEvent_t event);
cudaError_t record_event(cudaEvent_t event, cudaStream_t stream, const void* caller);
cudaError_t synchronise_event(cudaEvent_t event);
cudaError_t query_event(cudaEvent_t event);
cudaError_t elapsed_time(float* milliseconds, cudaEvent_t start, cudaEvent_t end);

cudaError_t begin_capture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t end_capture(cudaStream_t stream, cudaGraph_t* graph, const void* caller);
cudaError_t capture_status(cudaStream_t stream, cudaStreamCaptureStatus* status);
// What is not allowed has been tried on a stream that is captured.
void invalidate_capture(cudaStream_t stream);
cudaError_t create_graph(cudaGraph_t* graph, const void* caller);
// Adds the nodes of `child`, which all follow those of `dependencies`.
cudaError_t add_child_graph(cudaGraphNode_t* node, cudaGraph_t graph,
                            const cudaGraphNode_t* dependencies, std::size_t count,
                            cudaGraph_t child);
cudaError_t instantiate(cudaGraphExec_t* executable, cudaGraph_t graph, const void* caller);
cudaError_t launch_graph(cudaGraphExec_t executable, cudaStream_t stream);
// The names of the operations of the graph that was launched last.
const std::vector<std::string>& launched_names();
cudaError_t destroy_graph(cudaGraph_t graph);
cudaError_t destroy_executable(cudaGraphExec_t executable);

// A line for each stream, event and graph that is alive.
std::vector<std::string> stream_leaks();

}  // namespace ekgine::emulation
