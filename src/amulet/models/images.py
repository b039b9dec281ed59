"""What the convolutional models share: the shape they are built for, and how their weights begin."""

from torch import nn

from amulet.core.data import Schema


def image_shape(schema: Schema, owner: str) -> tuple[int, int, int]:
    """(channels, height, width) of the data set's images.

    Raises:
        ValueError: the data are not images.
    """
    if len(schema.shape) != 3:
        raise ValueError(f"{owner} takes images (channels, height, width). Got records of shape {schema.shape}.")
    channels, height, width = schema.shape
    return channels, height, width


def he_initialised(model: nn.Module) -> nn.Module:
    """The model with normal convolution weights that keep the signal's size through ReLUs, and zero biases.

    He et al. 2015, https://arxiv.org/abs/1502.01852, eq. (10). Torch's own start shrinks the signal from layer
    to layer, and sixteen layers without a norm do not train from it. Other layers keep torch's start.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model
