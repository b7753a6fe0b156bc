#include "emulation/streams.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "emulation/symbols.h"

namespace ekgine::emulation {

struct Capture {
  std::uint64_t number;
  cudaStream_t origin;
  cudaStreamCaptureMode mode;
  std::vector<cudaStream_t> streams;  // the origin, and those that joined by waiting for an event
  std::vector<GraphNode> nodes;
  bool invalid = false;
};

namespace {

std::set<cudaStream_t> streams;
std::set<cudaEvent_t> events;
std::set<cudaGraph_t> graphs;
std::set<cudaGraphExec_t> executables;
std::vector<std::string> launched_last;
std::vector<std::unique_ptr<Capture>> captures;
std::uint64_t capture_count = 0;

cudaStream_t legacy_stream() {
  static CUstream_st stream{false, Operations::get().new_lane(), {}, nullptr, nullptr, {}};
  return &stream;
}

bool is_legacy(cudaStream_t stream) {
  return stream == nullptr || stream == cudaStreamLegacy || stream == legacy_stream();
}

cudaStream_t resolve(cudaStream_t stream) {
  return is_legacy(stream) ? legacy_stream() : stream;
}

bool exists(cudaStream_t stream) {
  return is_legacy(stream) || streams.contains(stream);
}

template <class T>
void merge(std::vector<T>& into, const std::vector<T>& more) {
  for (const T& item : more) {
    if (std::find(into.begin(), into.end(), item) == into.end()) into.push_back(item);
  }
}

// What an operation queued now would follow.
Frontier frontier_of(cudaStream_t stream) {
  Frontier frontier = stream->frontier;
  if (is_legacy(stream)) {
    for (cudaStream_t other : streams) {
      if (other->blocking) merge(frontier, other->frontier);
    }
  } else if (stream->blocking) {
    merge(frontier, legacy_stream()->frontier);
  }
  return frontier;
}

OperationReference append(cudaStream_t stream, std::string name, Work work, const void* caller) {
  OperationReference operation = Operations::get().add(
      stream->lane, std::move(name), std::move(work), caller, frontier_of(stream));
  stream->frontier = {operation};
  return operation;
}

// The legacy stream would have to wait for a stream that only records.
bool disturbs_capture(cudaStream_t stream) {
  if (!is_legacy(stream)) return false;
  bool disturbed = false;
  for (cudaStream_t other : streams) {
    if (!other->blocking || other->capture == nullptr) continue;
    other->capture->invalid = true;
    disturbed = true;
  }
  return disturbed;
}

double now_in_milliseconds() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

cudaError_t enqueue(cudaStream_t stream, std::string name, Work work, const void* caller,
                    bool at_once) {
  if (!exists(stream)) return cudaErrorInvalidResourceHandle;
  stream = resolve(stream);
  if (disturbs_capture(stream)) return cudaErrorStreamCaptureImplicit;
  if (stream->capture != nullptr) {
    if (stream->capture->invalid) return cudaErrorStreamCaptureInvalidated;
    std::vector<GraphNode>& nodes = stream->capture->nodes;
    nodes.push_back(
        {std::move(name), caller, std::move(work), std::move(stream->nodes), 0, at_once});
    stream->nodes = {nodes.size() - 1};
    return cudaSuccess;
  }
  const OperationReference operation = append(stream, std::move(name), std::move(work), caller);
  if (at_once) Operations::get().run({operation});
  return cudaSuccess;
}

bool forbidden_while_capturing() {
  bool forbidden = false;
  for (const auto& capture : captures) {
    if (capture->mode == cudaStreamCaptureModeRelaxed) continue;
    capture->invalid = true;
    forbidden = true;
  }
  return forbidden;
}

cudaError_t create_stream(cudaStream_t* stream, bool blocking, const void* caller) {
  *stream = new CUstream_st{blocking, Operations::get().new_lane(), {}, caller, nullptr, {}};
  streams.insert(*stream);
  return cudaSuccess;
}

cudaError_t destroy_stream(cudaStream_t stream) {
  if (!streams.contains(stream)) return cudaErrorInvalidResourceHandle;
  if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  // What it has queued still runs; the legacy stream still waits for it.
  if (stream->blocking) merge(legacy_stream()->frontier, stream->frontier);
  streams.erase(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t synchronise_stream(cudaStream_t stream) {
  if (!exists(stream)) return cudaErrorInvalidResourceHandle;
  stream = resolve(stream);
  if (stream->capture != nullptr) {
    stream->capture->invalid = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  if (disturbs_capture(stream)) return cudaErrorStreamCaptureImplicit;
  Operations::get().wait(frontier_of(stream));
  return cudaSuccess;
}

cudaError_t query_stream(cudaStream_t stream) {
  if (!exists(stream)) return cudaErrorInvalidResourceHandle;
  stream = resolve(stream);
  if (stream->capture != nullptr) {
    stream->capture->invalid = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  const Frontier frontier = frontier_of(stream);
  for (const OperationReference& operation : frontier) {
    if (operation->done) continue;
    Operations::get().go_on();  // who asks again and again gets to see the end
    return cudaErrorNotReady;
  }
  Operations::get().observe(frontier);
  return cudaSuccess;
}

cudaError_t wait_event(cudaStream_t stream, cudaEvent_t event) {
  if (!exists(stream) || !events.contains(event)) return cudaErrorInvalidResourceHandle;
  stream = resolve(stream);
  if (event->capture != nullptr) {
    const auto capture = std::find_if(captures.begin(), captures.end(), [&](const auto& c) {
      return c->number == event->capture_number;
    });
    if (capture == captures.end()) return cudaErrorCapturedEvent;
    if (stream->capture != nullptr && stream->capture != capture->get()) {
      return cudaErrorStreamCaptureMerge;
    }
    if (is_legacy(stream)) return cudaErrorStreamCaptureImplicit;
    if (stream->capture == nullptr) {
      stream->capture = capture->get();
      stream->nodes.clear();
      (*capture)->streams.push_back(stream);
    }
    merge(stream->nodes, event->nodes);
    return cudaSuccess;
  }
  if (stream->capture != nullptr) {
    stream->capture->invalid = true;
    return cudaErrorStreamCaptureIsolation;
  }
  merge(stream->frontier, event->recorded);
  return cudaSuccess;
}

cudaError_t create_event(cudaEvent_t* event, bool timed, const void* caller) {
  *event = new CUevent_st{timed, caller, {}, std::make_shared<double>(0.0), nullptr, 0, {}};
  events.insert(*event);
  return cudaSuccess;
}

cudaError_t destroy_event(cudaEvent_t event) {
  if (events.erase(event) == 0) return cudaErrorInvalidResourceHandle;
  delete event;
  return cudaSuccess;
}

cudaError_t record_event(cudaEvent_t event, cudaStream_t stream, const void* caller) {
  if (!exists(stream) || !events.contains(event)) return cudaErrorInvalidResourceHandle;
  stream = resolve(stream);
  if (disturbs_capture(stream)) return cudaErrorStreamCaptureImplicit;
  if (stream->capture != nullptr) {
    event->capture = stream->capture;
    event->capture_number = stream->capture->number;
    event->nodes = stream->nodes;
    return cudaSuccess;
  }
  event->capture = nullptr;
  event->time = std::make_shared<double>(0.0);
  const OperationReference operation = append(
      stream, "cudaEventRecord",
      [time = event->time] {
        *time = now_in_milliseconds();
        return cudaSuccess;
      },
      caller);
  event->recorded = {operation};
  return cudaSuccess;
}

cudaError_t synchronise_event(cudaEvent_t event) {
  if (!events.contains(event)) return cudaErrorInvalidResourceHandle;
  if (event->capture != nullptr) return cudaErrorCapturedEvent;
  Operations::get().wait(event->recorded);
  return cudaSuccess;
}

cudaError_t query_event(cudaEvent_t event) {
  if (!events.contains(event)) return cudaErrorInvalidResourceHandle;
  if (event->capture != nullptr) return cudaErrorCapturedEvent;
  for (const OperationReference& operation : event->recorded) {
    if (operation->done) continue;
    Operations::get().go_on();
    return cudaErrorNotReady;
  }
  Operations::get().observe(event->recorded);
  return cudaSuccess;
}

cudaError_t elapsed_time(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  for (cudaEvent_t event : {start, end}) {
    if (!events.contains(event) || !event->timed || event->recorded.empty()) {
      return cudaErrorInvalidResourceHandle;
    }
    if (!event->recorded.front()->done) return cudaErrorNotReady;
  }
  *milliseconds = static_cast<float>(*end->time - *start->time);
  return cudaSuccess;
}

cudaError_t begin_capture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (!exists(stream)) return cudaErrorInvalidResourceHandle;
  if (is_legacy(stream)) return cudaErrorStreamCaptureUnsupported;
  if (stream->capture != nullptr) return cudaErrorIllegalState;
  captures.push_back(
      std::make_unique<Capture>(Capture{++capture_count, stream, mode, {stream}, {}}));
  stream->capture = captures.back().get();
  stream->nodes.clear();
  return cudaSuccess;
}

cudaError_t end_capture(cudaStream_t stream, cudaGraph_t* graph, const void* caller) {
  *graph = nullptr;
  if (!exists(stream)) return cudaErrorInvalidResourceHandle;
  stream = resolve(stream);
  Capture* const capture = stream->capture;
  if (capture == nullptr) return cudaErrorIllegalState;
  if (capture->origin != stream) return cudaErrorStreamCaptureUnmatched;
  cudaError_t result = capture->invalid ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
  // Every node must come before the origin's frontier: forked streams have to be joined again.
  std::vector<bool> joined(capture->nodes.size());
  for (const std::size_t node : stream->nodes) joined[node] = true;
  for (std::size_t node = capture->nodes.size(); node-- > 0;) {
    if (!joined[node] && result == cudaSuccess) result = cudaErrorStreamCaptureUnjoined;
    for (const std::size_t before : capture->nodes[node].after) joined[before] = true;
  }
  if (result == cudaSuccess) {
    *graph = new CUgraph_st{caller, std::move(capture->nodes), {}};
    graphs.insert(*graph);
  }
  for (cudaStream_t member : capture->streams) {
    member->capture = nullptr;
    member->nodes.clear();
  }
  captures.erase(std::find_if(captures.begin(), captures.end(),
                              [&](const auto& c) { return c.get() == capture; }));
  return result;
}

cudaError_t capture_status(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  if (!exists(stream)) return cudaErrorInvalidResourceHandle;
  const Capture* const capture = resolve(stream)->capture;
  *status = capture == nullptr ? cudaStreamCaptureStatusNone
            : capture->invalid ? cudaStreamCaptureStatusInvalidated
                               : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

void invalidate_capture(cudaStream_t stream) {
  resolve(stream)->capture->invalid = true;
}

cudaError_t create_graph(cudaGraph_t* graph, const void* caller) {
  *graph = new CUgraph_st{caller, {}, {}};
  graphs.insert(*graph);
  return cudaSuccess;
}

cudaError_t add_child_graph(cudaGraphNode_t* node, cudaGraph_t graph,
                            const cudaGraphNode_t* dependencies, std::size_t count,
                            cudaGraph_t child) {
  if (!graphs.contains(graph) || !graphs.contains(child) || graph == child) {
    return cudaErrorInvalidValue;
  }
  std::vector<std::size_t> after;
  for (std::size_t i = 0; i < count; ++i) {
    const auto known =
        std::ranges::find(graph->children, dependencies[i], [](const auto& c) { return c.get(); });
    if (known == graph->children.end()) return cudaErrorInvalidValue;
    // Those that nothing of the same child follows.
    std::vector<bool> followed(graph->nodes.size());
    for (std::size_t n = (*known)->first; n < (*known)->last; ++n) {
      for (const std::size_t before : graph->nodes[n].after) followed[before] = true;
    }
    for (std::size_t n = (*known)->first; n < (*known)->last; ++n) {
      if (!followed[n]) after.push_back(n);
    }
  }
  const std::size_t first = graph->nodes.size();
  for (GraphNode copy : child->nodes) {
    for (std::size_t& before : copy.after) before += first;
    if (copy.after.empty()) copy.after = after;
    graph->nodes.push_back(std::move(copy));
  }
  graph->children.push_back(
      std::make_unique<CUgraphNode_st>(CUgraphNode_st{first, graph->nodes.size()}));
  *node = graph->children.back().get();
  return cudaSuccess;
}

cudaError_t instantiate(cudaGraphExec_t* executable, cudaGraph_t graph, const void* caller) {
  if (!graphs.contains(graph)) return cudaErrorInvalidValue;
  auto* const made = new CUgraphExec_st{caller, graph->nodes, {}, {}};
  // A node goes on with the chain of a node before it, if that chain ends there.
  std::vector<std::size_t> chain_ends;
  for (std::size_t i = 0; i < made->nodes.size(); ++i) {
    GraphNode& node = made->nodes[i];
    const auto end = std::find_if(chain_ends.begin(), chain_ends.end(), [&](std::size_t last) {
      return std::find(node.after.begin(), node.after.end(), last) != node.after.end();
    });
    node.chain = static_cast<std::size_t>(end - chain_ends.begin());
    if (end == chain_ends.end()) {
      chain_ends.push_back(i);
      made->lanes.push_back(Operations::get().new_lane());
    } else {
      *end = i;
    }
  }
  executables.insert(made);
  *executable = made;
  return cudaSuccess;
}

cudaError_t launch_graph(cudaGraphExec_t executable, cudaStream_t stream) {
  if (!exists(stream) || !executables.contains(executable)) return cudaErrorInvalidResourceHandle;
  stream = resolve(stream);
  if (disturbs_capture(stream)) return cudaErrorStreamCaptureImplicit;
  if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  launched_last.clear();
  for (const GraphNode& node : executable->nodes) launched_last.push_back(node.name);
  Frontier before = frontier_of(stream);
  merge(before, executable->last);
  Frontier launched;
  std::vector<bool> followed(executable->nodes.size());
  for (const GraphNode& node : executable->nodes) {
    Frontier after;
    for (const std::size_t i : node.after) {
      after.push_back(launched[i]);
      followed[i] = true;
    }
    launched.push_back(Operations::get().add(executable->lanes[node.chain], node.name, node.work,
                                             node.caller, after.empty() ? before : after));
  }
  Frontier ends, urgent;
  for (std::size_t i = 0; i < launched.size(); ++i) {
    if (!followed[i]) ends.push_back(launched[i]);
    if (executable->nodes[i].at_once) urgent.push_back(launched[i]);
  }
  if (ends.empty()) return cudaSuccess;
  executable->last = ends;
  stream->frontier = std::move(ends);
  Operations::get().run(urgent);
  return cudaSuccess;
}

const std::vector<std::string>& launched_names() {
  return launched_last;
}

cudaError_t destroy_graph(cudaGraph_t graph) {
  if (graphs.erase(graph) == 0) return cudaErrorInvalidValue;
  delete graph;
  return cudaSuccess;
}

cudaError_t destroy_executable(cudaGraphExec_t executable) {
  if (executables.erase(executable) == 0) return cudaErrorInvalidValue;
  delete executable;
  return cudaSuccess;
}

std::vector<std::string> stream_leaks() {
  std::vector<std::string> lines;
  const auto add = [&](const auto& handles, const std::string& kind) {
    for (const auto* handle : handles) {
      lines.push_back("leak: " + kind + " created at " + source_line(handle->caller));
    }
  };
  add(streams, "a stream");
  add(events, "an event");
  add(graphs, "a graph");
  add(executables, "an executable graph");
  return lines;
}

}  // namespace ekgine::emulation
