// The network once more, as plainly as it can be written: loops in double over one sample. The oracle of the
// tests.
#ifndef GROUTER_TESTS_ROUTING_NETWORK_NAIVE_NETWORK_H_
#define GROUTER_TESTS_ROUTING_NETWORK_NAIVE_NETWORK_H_

#include <cmath>
#include <cstdint>
#include <vector>

namespace grouter {

using Row = std::vector<double>;
using Matrix = std::vector<Row>;  // [rows][columns]

inline Matrix ToMatrix(const std::vector<float>& values, size_t rows) {
  Matrix matrix(rows);
  const size_t columns = values.size() / rows;
  for (size_t r = 0; r < rows; ++r)
    matrix[r].assign(values.begin() + r * columns, values.begin() + (r + 1) * columns);
  return matrix;
}

inline Row Times(const Matrix& weight, const Row& x) {
  Row y;
  for (const Row& row : weight) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += row[i] * x[i];
    y.push_back(sum);
  }
  return y;
}

inline Row NaiveRmsNorm(const Row& x, const std::vector<float>& weight, double eps = 1e-6) {
  double mean = 0;
  for (const double v : x) mean += v * v / static_cast<double>(x.size());
  Row y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] / std::sqrt(mean + eps) * weight[i];
  return y;
}

// Half-split rotary form of one head.
inline void NaiveRotate(double* head, size_t size, double position, double theta) {
  for (size_t i = 0; i < size / 2; ++i) {
    const double angle =
        position * std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(size));
    const double a = head[i], b = head[i + size / 2];
    head[i] = a * std::cos(angle) - b * std::sin(angle);
    head[i + size / 2] = b * std::cos(angle) + a * std::sin(angle);
  }
}

// begin[t]: where token t's span begins; end[t]: how far it may look (exclusive). q, k, v: [T][heads x size].
inline Matrix NaiveAttention(Matrix q, Matrix k, const Matrix& v, size_t heads, size_t kv_heads, double theta,
                             const std::vector<size_t>& begin, const std::vector<size_t>& end) {
  const size_t size = q[0].size() / heads;
  for (size_t t = 0; t < q.size(); ++t) {
    const double position = static_cast<double>(t - begin[t]);
    for (size_t h = 0; h < heads; ++h) NaiveRotate(&q[t][h * size], size, position, theta);
    for (size_t h = 0; h < kv_heads; ++h) NaiveRotate(&k[t][h * size], size, position, theta);
  }
  Matrix out(q.size(), Row(q[0].size(), 0.0));
  for (size_t t = 0; t < q.size(); ++t) {
    for (size_t h = 0; h < heads; ++h) {
      const size_t kv = h / (heads / kv_heads) * size;
      Row p;
      double sum = 0;
      for (size_t s = begin[t]; s < end[t]; ++s) {
        double dot = 0;
        for (size_t i = 0; i < size; ++i) dot += q[t][h * size + i] * k[s][kv + i];
        p.push_back(std::exp(dot / std::sqrt(static_cast<double>(size))));
        sum += p.back();
      }
      for (size_t s = begin[t]; s < end[t]; ++s) {
        for (size_t i = 0; i < size; ++i) out[t][h * size + i] += p[s - begin[t]] / sum * v[s][kv + i];
      }
    }
  }
  return out;
}

inline Row NaiveMlp(const Row& x, const Matrix& gate, const Matrix& up, const Matrix& down) {
  Row g = Times(gate, x);
  const Row u = Times(up, x);
  for (size_t i = 0; i < g.size(); ++i) g[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
  return Times(down, g);
}

inline void AddTo(Row* x, const Row& y) {
  for (size_t i = 0; i < x->size(); ++i) (*x)[i] += y[i];
}

}  // namespace grouter

#endif  // GROUTER_TESTS_ROUTING_NETWORK_NAIVE_NETWORK_H_
