//! Everything the product meets, from one seed
