#include "tools/command/terminal.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace grouter {
namespace {

constexpr std::chrono::seconds kProgressInterval(2);

}  // namespace

void Terminal::Result(absl::string_view people, absl::string_view machine) {
  if (json_) {
    out_ << machine << "\n";
  } else {
    out_ << people;
  }
  out_.flush();
}

void Terminal::Log(absl::string_view line) { err_ << line << std::endl; }

std::function<void(uint64_t, uint64_t)> Terminal::Progress(std::string label, std::string unit) {
  auto last = std::make_shared<std::chrono::steady_clock::time_point>(clock_());
  return [this, last, label = std::move(label), unit = std::move(unit)](uint64_t done, uint64_t total) {
    const auto now = clock_();
    if (now - *last < kProgressInterval) return;
    *last = now;
    const double percent =
        total == 0 ? 100.0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
    Log(absl::StrFormat("%s: %.0f %% (%s of %s %s)", label, percent, Grouped(done), Grouped(total), unit));
  };
}

std::string Grouped(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (int64_t i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  const char* const kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = -1;
  while (value >= 1023.95 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string HumanSeconds(double seconds) {
  if (seconds < 10) return absl::StrFormat("%.1f s", seconds);
  const int64_t whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 60) return absl::StrCat(whole, " s");
  return absl::StrCat(whole / 60, " min ", whole % 60, " s");
}

}  // namespace grouter
