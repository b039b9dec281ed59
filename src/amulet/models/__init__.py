"""Model architectures; each is a Spec that builds an `nn.Module` for a data set's schema."""

from amulet.models.imported import ImportedModel
from amulet.models.linear_net import LinearNet
from amulet.models.norms import NormKind
from amulet.models.resnet import ResNet
from amulet.models.simple_cnn import SimpleCNN
from amulet.models.vgg import VGG

__all__ = ["VGG", "ImportedModel", "LinearNet", "NormKind", "ResNet", "SimpleCNN"]
