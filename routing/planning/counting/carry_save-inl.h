// Full adders over whole vectors, a bit each: what bit-sliced counters are made of. Included once per
// instruction set inside a namespace of its own; no include guard.

template <typename Vector>
inline void CarrySave(Vector* high, Vector* low, const Vector& a, const Vector& b, const Vector& c) {
  const Vector u = a ^ b;
  *high = (a & b) | (u & c);
  *low = u ^ c;
}
