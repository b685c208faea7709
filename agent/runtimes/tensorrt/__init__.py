"""The expression model on NVIDIA GPUs: TensorRT engines, built where they run."""
