// Third parties that were not compiled for TSan, a reason each. Nothing of ours belongs here.

extern "C" const char* __tsan_default_suppressions() {
  return
      // gRPC's core guards its state by atomics and by Abseil's mutexes, which look like no lock from
      // outside.
      "called_from_lib:libgrpc.so\n"
      "called_from_lib:libgrpc++.so\n"
      "called_from_lib:libgpr.so\n"
      // Abseil's Mutex is built on futexes that TSan does not see.
      "called_from_lib:libabsl_synchronization.so\n"
      // Its search for deadlocks, which Debian's build has on, under a spin lock of the same library.
      "called_from_lib:libabsl_graphcycles_internal.so\n"
      // A Status counts its references by atomics in a library without instrumentation.
      "called_from_lib:libabsl_status.so\n"
      // Strings that gRPC builds of what another thread handed over inside its core.
      "called_from_lib:libabsl_strings.so\n"
      // Settings of its core that gRPC parses as times.
      "called_from_lib:libabsl_time.so\n"
      // gRPC's parser of its own protocol buffers, with arenas that pass between threads.
      "called_from_lib:libupb.so\n"
      // Its hash tables sample themselves through atomics in a library without instrumentation.
      "called_from_lib:libabsl_hashtablez_sampler.so\n"
      // Lazily built descriptors: std::call_once inside the library.
      "called_from_lib:libprotobuf.so\n"
      // OpenSSL counts references by atomics; gRPC and the listeners hand sessions on under locks of theirs.
      "called_from_lib:libssl.so\n"
      "called_from_lib:libcrypto.so\n"
      // gRPC ends a callback call (OnDone, then its memory) when the last of its events has returned: it
      // counts them inside libgrpc++ for each kind of call. A Finish on one of our workers and OnDone on a
      // thread of gRPC's are ordered by that count alone.
      "race:grpc::internal::Callback*Handler<*>::ServerCallback*Impl::CallOnDone\n"
      // LibTorch and its OpenMP: thread pools with barriers of their own.
      "called_from_lib:libtorch_cpu.so\n"
      "called_from_lib:libc10.so\n"
      "called_from_lib:libgomp.so\n";
}
