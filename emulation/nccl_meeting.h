// Where the ranks of the emulated NCCL meet: a thread of one process, which all reach by a socket.
//
// In a round every rank brings a call; when all are there, they are compared, and each gets its
// result. A sum begins, block by block, with a rank that is drawn from the seed (set_seed() of the
// process that has opened the meeting; 0: with the first), and goes on round the ring, as on a real
// ring of GPUs, where it depends on the block, too. Calls that differ, a rank that ends or leaves
// while others wait for it, and one that does not come are told to all, once and in every later
// round: nobody waits for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ekgine::emulation {

// What ranks do together to arrays of bytes, floats or doubles.
enum class Together : std::uint32_t { broadcast, sum, average, largest, smallest };

struct MeetingCall {
  Together what = Together::broadcast;
  std::int32_t root = -1;   // who gets the result of all, or has it; −1: all get it
  std::string text;         // the same on all ranks, or they do not agree
  std::string place;        // in the code
  bool doubles = false;     // and not floats
  std::vector<char> bytes;  // of a broadcast: the root's
};

// Opens one in this process, for as long as it lives; its name, of at most 100 characters.
std::string open_meeting();

// A rank's place in one.
class Meeting {
 public:
  // Waits for all `count` ranks. Throws MeetingError where they do not come together: another
  // count, a rank twice or outside, two that have the same `device`, no such meeting.
  Meeting(const std::string& name, int rank, int count, const std::string& device);
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;
  ~Meeting();  // leaves

  // The result, for those who get it. Throws MeetingError.
  std::vector<char> bring(const MeetingCall& call);

 private:
  int socket_ = -1;
};

struct MeetingError {
  std::string text;
};

}  // namespace ekgine::emulation
