"""Memory: weights, live activations, training, KV cache, traffic."""
