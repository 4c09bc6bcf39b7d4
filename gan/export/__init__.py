"""Trained models in the formats of other tools: glTF, ONNX, safetensors with a card, 3DMM."""
