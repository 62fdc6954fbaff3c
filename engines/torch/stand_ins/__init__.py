"""Empty libraries in the place of CUDA's, where no GPU is: torch's wheel names 3.5 GB of them to be loaded."""
