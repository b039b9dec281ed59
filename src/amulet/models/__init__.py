"""Model architectures; each is a spec that builds an `nn.Module` for the schema of a data set."""

from amulet.models.capacities import Architecture, Capacity, initialize_model, model_spec
from amulet.models.given import GivenModel
from amulet.models.imported import ImportedModel
from amulet.models.linear_net import LinearNet
from amulet.models.norms import NormKind
from amulet.models.resnet import ResNet
from amulet.models.simple_cnn import SimpleCNN
from amulet.models.vgg import VGG
from amulet.models.weights import load_weights, save_weights

__all__ = [
    "VGG",
    "Architecture",
    "Capacity",
    "GivenModel",
    "ImportedModel",
    "LinearNet",
    "NormKind",
    "ResNet",
    "SimpleCNN",
    "initialize_model",
    "load_weights",
    "model_spec",
    "save_weights",
]
