// Full adders over whole vectors, a bit each: what bit-sliced counters are made of. Included once per
// instruction set inside a namespace of its own; no include guard.

template <uint32_t kValue>
struct Number {
  static constexpr uint32_t value = kValue;
};

template <typename Vector>
inline void CarrySave(Vector* high, Vector* low, const Vector& a, const Vector& b, const Vector& c) {
#if defined(__AVX512F__) && defined(__AVX512VL__)
  // GCC makes five instructions of what is two.
  if constexpr (sizeof(Vector) == 64) {
    const __m512i x = reinterpret_cast<__m512i>(a), y = reinterpret_cast<__m512i>(b),
                  z = reinterpret_cast<__m512i>(c);
    *high = reinterpret_cast<Vector>(_mm512_ternarylogic_epi64(x, y, z, 0xE8));
    *low = reinterpret_cast<Vector>(_mm512_ternarylogic_epi64(x, y, z, 0x96));
    return;
  } else if constexpr (sizeof(Vector) == 32) {
    const __m256i x = reinterpret_cast<__m256i>(a), y = reinterpret_cast<__m256i>(b),
                  z = reinterpret_cast<__m256i>(c);
    *high = reinterpret_cast<Vector>(_mm256_ternarylogic_epi64(x, y, z, 0xE8));
    *low = reinterpret_cast<Vector>(_mm256_ternarylogic_epi64(x, y, z, 0x96));
    return;
  }
#endif
  const Vector u = a ^ b;
  *high = (a & b) | (u & c);
  *low = u ^ c;
}

// *to |= a | b.
template <typename Vector>
inline void OrWith(Vector* to, const Vector& a, const Vector& b) {
#if defined(__AVX512F__) && defined(__AVX512VL__)
  if constexpr (sizeof(Vector) == 64) {
    *to = reinterpret_cast<Vector>(_mm512_ternarylogic_epi64(
        reinterpret_cast<__m512i>(*to), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b), 0xFE));
    return;
  } else if constexpr (sizeof(Vector) == 32) {
    *to = reinterpret_cast<Vector>(_mm256_ternarylogic_epi64(
        reinterpret_cast<__m256i>(*to), reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b), 0xFE));
    return;
  }
#endif
  *to |= a | b;
}
