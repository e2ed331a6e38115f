"""Backbones: the networks from which classifiers, Q-networks, encoders and discriminators take features.

Each is built from a frozen config for examples of a shape, and declares the size of its features:

    backbone = MLPConfig(widths=(256, 256), activation="tanh").build((4,))
    head = nn.Linear(backbone.out_features, 2)

A config and its backbone in each file, and this page lists them. A new file here is found by the contract
tests.
"""

from lab.backbones.attention import (
    BahdanauAttention,
    LuongAttention,
    MultiHeadAttention,
    attend,
    causal_mask,
    padding_mask,
)
from lab.backbones.backbone import Backbone, BackboneConfig
from lab.backbones.convolution import Convolution, ConvolutionConfig
from lab.backbones.inception import Inception, InceptionConfig
from lab.backbones.jordan import Jordan, JordanConfig
from lab.backbones.layers import Activation, Initialisation, activation_layer, initialise, memory_format, per_layer
from lab.backbones.mlp import MLP, MLPConfig
from lab.backbones.recurrent import Recurrent, RecurrentConfig
from lab.backbones.residual import Residual, ResidualConfig
from lab.backbones.sequence import SequenceBackbone, last_step, mean_step, valid_steps
from lab.backbones.transformer import Transformer, TransformerConfig

__all__ = [
    "MLP",
    "Activation",
    "Backbone",
    "BackboneConfig",
    "BahdanauAttention",
    "Convolution",
    "ConvolutionConfig",
    "Inception",
    "InceptionConfig",
    "Initialisation",
    "Jordan",
    "JordanConfig",
    "LuongAttention",
    "MLPConfig",
    "MultiHeadAttention",
    "Recurrent",
    "RecurrentConfig",
    "Residual",
    "ResidualConfig",
    "SequenceBackbone",
    "Transformer",
    "TransformerConfig",
    "activation_layer",
    "attend",
    "causal_mask",
    "initialise",
    "last_step",
    "mean_step",
    "memory_format",
    "padding_mask",
    "per_layer",
    "valid_steps",
]
