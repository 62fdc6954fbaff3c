"""The torch engine's process: loads a model's folder with transformers and answers calls over pipes."""
