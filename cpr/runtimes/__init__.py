"""What runs models of TensorFlow and Keras: one session for all that serves or compiles them."""
