// What most tests include. It is compiled once and stands before each; a test includes what it uses anyway.
#ifndef GROUTER_THIRD_PARTY_PRECOMPILED_TEST_HEADERS_H_
#define GROUTER_THIRD_PARTY_PRECOMPILED_TEST_HEADERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

#endif  // GROUTER_THIRD_PARTY_PRECOMPILED_TEST_HEADERS_H_
