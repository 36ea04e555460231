// Shows TSan the hand-offs that go through gRPC's core.
//
// Debian's gRPC is not compiled for TSan, so what one thread wrote before it started an operation, and
// another thread reads once the operation has ended, looks like a race: in gRPC's own inline code, and in
// ours. The functions below stand in front of the core's functions of the same name, in programs under TSan
// alone: the tag of an operation is released when it starts and acquired when it comes back. Nothing else is
// hidden, so a race of ours is still reported.
//
// Compiled without TSan itself.
#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "grpc/grpc.h"
#include "grpc/slice.h"
#include "grpcpp/alarm.h"
#include "grpcpp/completion_queue.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}

namespace {

// The function that this program would have without this file.
template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct Range {
  uintptr_t begin, end;
};

std::vector<Range> FindCode() {
  std::vector<Range> code;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* into) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
          static_cast<std::vector<Range>*>(into)->push_back({begin, begin + segment.p_memsz});
        }
        return 0;
      },
      &code);
  return code;
}

// A callback's tag begins with the function to call, every other tag of gRPC's C++ with a table of virtual
// functions, which is data.
bool IsCallback(void* tag) {
  static const auto* const code = new std::vector<Range>(FindCode());
  const uintptr_t first = *static_cast<const uintptr_t*>(tag);
  for (const Range& range : *code) {
    if (first >= range.begin && first < range.end) return true;
  }
  return false;
}

// What all callbacks did happens before a server is destroyed, and what was done before a server was started
// before its calls.
char g_callbacks;
char g_servers;

// Takes a callback's place in the core.
struct Callback : grpc_completion_queue_functor {
  grpc_completion_queue_functor* real;

  static void* For(void* tag) {
    auto* const real = static_cast<grpc_completion_queue_functor*>(tag);
    auto* const callback = new Callback;
    callback->functor_run = Run;
    callback->inlineable = real->inlineable;
    callback->real = real;
    return callback;
  }
  static void Run(grpc_completion_queue_functor* self, int ok) {
    grpc_completion_queue_functor* const real = static_cast<Callback*>(self)->real;
    __tsan_acquire(real);
    delete static_cast<Callback*>(self);
    real->functor_run(real, ok);
    __tsan_release(&g_callbacks);
  }
};

// The tag to give to the core for an operation that starts now.
void* Release(void* tag) {
  if (tag == nullptr) return tag;
  void* const given = IsCallback(tag) ? Callback::For(tag) : tag;
  __tsan_release(tag);
  return given;
}

grpc_event Acquire(const grpc_event& event) {
  if (event.type == GRPC_OP_COMPLETE && event.tag != nullptr) __tsan_acquire(event.tag);
  return event;
}

// Memory that a slice refers to: let go of by whichever thread sent it last.
struct SliceOwner {
  void (*destroy)(void*);
  void* user_data;

  static void Destroy(void* self) {
    const std::unique_ptr<SliceOwner> owner(static_cast<SliceOwner*>(self));
    __tsan_acquire(owner->user_data);
    owner->destroy(owner->user_data);
  }
};

}  // namespace

#define GROUTER_REAL(name) static const auto real = Real<decltype(name)>(#name)

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t nops, void* tag,
                                      void* reserved) {
  GROUTER_REAL(grpc_call_start_batch);
  return real(call, ops, nops, Release(tag), reserved);
}

grpc_call_error grpc_server_request_call(grpc_server* server, grpc_call** call, grpc_call_details* details,
                                         grpc_metadata_array* metadata, grpc_completion_queue* call_queue,
                                         grpc_completion_queue* queue, void* tag) {
  GROUTER_REAL(grpc_server_request_call);
  return real(server, call, details, metadata, call_queue, queue, Release(tag));
}

grpc_call_error grpc_server_request_registered_call(grpc_server* server, void* method, grpc_call** call,
                                                    gpr_timespec* deadline, grpc_metadata_array* metadata,
                                                    grpc_byte_buffer** payload,
                                                    grpc_completion_queue* call_queue,
                                                    grpc_completion_queue* queue, void* tag) {
  GROUTER_REAL(grpc_server_request_registered_call);
  return real(server, method, call, deadline, metadata, payload, call_queue, queue, Release(tag));
}

void grpc_server_start(grpc_server* server) {
  GROUTER_REAL(grpc_server_start);
  __tsan_release(&g_servers);
  real(server);
}

// The first thing that is done for a call that came in, on any of gRPC's threads.
void* grpc_call_arena_alloc(grpc_call* call, size_t size) {
  GROUTER_REAL(grpc_call_arena_alloc);
  __tsan_acquire(&g_servers);
  return real(call, size);
}

void grpc_server_destroy(grpc_server* server) {
  GROUTER_REAL(grpc_server_destroy);
  __tsan_acquire(&g_callbacks);
  real(server);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline, void* reserved) {
  GROUTER_REAL(grpc_completion_queue_next);
  return Acquire(real(queue, deadline, reserved));
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag, gpr_timespec deadline,
                                       void* reserved) {
  GROUTER_REAL(grpc_completion_queue_pluck);
  return Acquire(real(queue, tag, deadline, reserved));
}

grpc_slice grpc_slice_new_with_user_data(void* bytes, size_t size, void (*destroy)(void*), void* user_data) {
  GROUTER_REAL(grpc_slice_new_with_user_data);
  auto* const owner = new SliceOwner{destroy, user_data};
  __tsan_release(user_data);
  return real(bytes, size, SliceOwner::Destroy, owner);
}

}  // extern "C"

namespace grpc {

// The tag that the user gave, which the core does not know.
CompletionQueue::NextStatus CompletionQueue::AsyncNextInternal(void** tag, bool* ok, gpr_timespec deadline) {
  static const auto real = Real<NextStatus(CompletionQueue*, void**, bool*, gpr_timespec)>(
      "_ZN4grpc15CompletionQueue17AsyncNextInternalEPPvPb12gpr_timespec");
  const NextStatus status = real(this, tag, ok, deadline);
  if (status == GOT_EVENT && *tag != nullptr) __tsan_acquire(*tag);
  return status;
}

void Alarm::SetInternal(CompletionQueue* queue, gpr_timespec deadline, void* tag) {
  static const auto real = Real<void(Alarm*, CompletionQueue*, gpr_timespec, void*)>(
      "_ZN4grpc5Alarm11SetInternalEPNS_15CompletionQueueE12gpr_timespecPv");
  __tsan_release(tag);
  real(this, queue, deadline, tag);
}

void Alarm::SetInternal(gpr_timespec deadline, std::function<void(bool)> callback) {
  static const auto real = Real<void(Alarm*, gpr_timespec, std::function<void(bool)>)>(
      "_ZN4grpc5Alarm11SetInternalE12gpr_timespecSt8functionIFvbEE");
  auto* const held = new std::function<void(bool)>(std::move(callback));
  __tsan_release(held);
  real(this, deadline, [held](bool ok) {
    __tsan_acquire(held);
    const std::unique_ptr<std::function<void(bool)>> run(held);
    (*run)(ok);
    __tsan_release(&g_callbacks);
  });
}

}  // namespace grpc
