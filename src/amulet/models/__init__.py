"""Model architectures; each is a Spec that builds an `nn.Module` for a data set's schema."""

from amulet.models.imported import ImportedModel
from amulet.models.linear_net import LinearNet
from amulet.models.norms import NormKind
from amulet.models.simple_cnn import SimpleCNN

__all__ = ["ImportedModel", "LinearNet", "NormKind", "SimpleCNN"]
